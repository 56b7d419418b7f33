# Cicerone with Homebrew on Linux, from a clone of this repository in HOMEBREW_CICERONE, with the commit that is checked out:
#
#   HOMEBREW_CICERONE=$PWD brew install --formula --HEAD config/deploy/cicerone.rb
class Cicerone < Formula
  desc "Read-only guide to any codebase, for a whole team, in the browser"
  homepage "file://#{ENV.fetch("HOMEBREW_CICERONE", Dir.pwd)}"
  license any_of: ["MIT", "Apache-2.0"]
  head homepage, using: :git

  depends_on "rust" => :build
  depends_on "git"
  depends_on :linux

  def install
    system "cargo", "install", *std_cargo_args
    system bin/"cicerone", "man", "man"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"cicerone", "completions")
  end

  service do
    run [opt_bin/"cicerone"]
    keep_alive true
  end

  test do
    (testpath/"src/pool.rs").write "/// Closes what is idle.\npub fn evict_idle() {}\n"
    assert_match "src/pool.rs:2", shell_output("#{bin}/cicerone ask --agent guide 'What does evict_idle do?'")
  end
end
