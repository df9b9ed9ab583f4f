//! The command line `host-harness`; everything that it does is in the library.

fn main() -> std::process::ExitCode {
    host_harness::main()
}
