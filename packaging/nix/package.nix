{
  lib,
  rustPlatform,
  installShellFiles,
  stdenv,
}:

let
  cargo = (lib.importTOML ../../Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = cargo.name;
  inherit (cargo) version;

  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The tests want a real codex, strace and a world of their own; `.ci/run` has them.
  doCheck = false;

  postInstall = ''
    installManPage packaging/man/*
  ''
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installShellCompletion --cmd codex-home \
      --bash <($out/bin/codex-home completions bash) \
      --fish <($out/bin/codex-home completions fish) \
      --zsh <($out/bin/codex-home completions zsh)
  '';

  meta = {
    inherit (cargo) description;
    homepage = cargo.repository;
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "codex-home-shim";
    platforms = lib.platforms.unix;
  };
}
