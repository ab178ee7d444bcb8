{
  description = "A launcher that gives OpenClaw's codex a home that can log in";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = nixpkgs.lib.genAttrs systems;
    in
    {
      packages = each (system: {
        default = nixpkgs.legacyPackages.${system}.callPackage ./package.nix { };
      });

      # `codex-home install` wires the profile's path, which an update keeps; a store path it would not.
      homeManagerModules.default = import ./service.nix self;
    };
}
