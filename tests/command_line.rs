//! The command line `host-harness`, for the tests of this package.

fn main() -> std::process::ExitCode {
    host_harness::main()
}
