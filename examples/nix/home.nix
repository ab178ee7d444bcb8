# The launcher by home-manager, on a machine that runs OpenClaw's gateway as a user service. `codex-home-shim` is this
# repository's flake, packaging/nix, passed in by extraSpecialArgs.
{
  codex-home-shim,
  config,
  pkgs,
  ...
}:

{
  imports = [ codex-home-shim.homeManagerModules.default ];

  programs.codex-home-shim = {
    enable = true;
    settings = {
      # A profile's path, which an update keeps. A store path would name one version for ever.
      codex = "${config.home.profileDirectory}/bin/codex";
      leave = [ "~/.codex-work" ];
    };
  };

  home.packages = [ pkgs.codex ];
}
