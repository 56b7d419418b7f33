# Cicerone with Nix: `nix-build config/deploy/cicerone.nix` at the top of the repository, on Linux. The compiler of the
# channel has to be as new as `rust-version` of Cargo.toml says.
{
  pkgs ? import <nixpkgs> { },
  # Twelve digits of the commit, which `cicerone --version` names.
  commit ? "",
}:

pkgs.rustPlatform.buildRustPackage {
  pname = "cicerone";
  version = "0.1.0";
  src = pkgs.lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;
  env.CICERONE_COMMIT = commit;

  # Its tests need a browser and programs of npm and PyPI: `.ci/test` runs them.
  doCheck = false;

  nativeBuildInputs = [
    pkgs.installShellFiles
    pkgs.makeWrapper
  ];
  postInstall = ''
    $out/bin/cicerone man man
    installManPage man/*
    for shell in bash zsh fish; do
      $out/bin/cicerone completions $shell > cicerone.$shell
      installShellCompletion --$shell cicerone.$shell
    done
    # For the history of projects, and for projects from git.
    wrapProgram $out/bin/cicerone --suffix PATH : ${pkgs.lib.makeBinPath [ pkgs.git ]}
  '';

  meta = {
    description = "A read-only guide to any codebase, for a whole team, in the browser";
    license = with pkgs.lib.licenses; [
      mit
      asl20
    ];
    platforms = pkgs.lib.platforms.linux;
    mainProgram = "cicerone";
  };
}
