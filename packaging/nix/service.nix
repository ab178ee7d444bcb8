# For home-manager: the launcher in the profile, its settings, and a gateway's unit that finds codex.
#
#     programs.codex-home-shim = {
#       enable = true;
#       settings.strategy = "auto";
#     };
self:
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.programs.codex-home-shim;
  toml = pkgs.formats.toml { };
in
{
  options.programs.codex-home-shim = {
    enable = lib.mkEnableOption "codex-home-shim";

    package = lib.mkOption {
      type = lib.types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
      description = "The package to use.";
    };

    settings = lib.mkOption {
      inherit (toml) type;
      default = { };
      example = {
        codex = "/home/you/.local/bin/codex";
        leave = [ "~/.codex-work" ];
      };
      description = "What {manpage}`codex-home-shim.toml(5)` has.";
    };
  };

  config = lib.mkIf cfg.enable {
    home.packages = [ cfg.package ];
    xdg.configFile."codex-home-shim/config.toml" = lib.mkIf (cfg.settings != { }) {
      source = toml.generate "codex-home-shim.toml" cfg.settings;
    };
  };
}
