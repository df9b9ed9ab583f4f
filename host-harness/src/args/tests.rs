//! How command lines are parsed, and which are usage errors.

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("host-harness").chain(line.split_whitespace()))
}

#[test]
fn the_definition_of_the_arguments_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_ends_in_status_two() {
    for line in [
        "",
        "modls",
        "models --base-url not-a-url",
        "models --base-url ftp://example.org",
        "models --base-url https://user:pw@example.org/v1",
        "--format yaml models",
        "models --set max-retries",
        "models --set max-retries=many",
        "models --set max-retrys=1",
        "models --set =1",
        "models --sort colour",
        "models --no-such-flag",
        "resolve",
        "grant",
        "mock-router --port 70000",
        "mock-router --chunking sideways",
        "chat one two",
        "serve --listen nowhere",
        "serve --listen 127.0.0.1",
        "serve --listen 70000",
        "serve --access-key-env A --access-key-file b",
        "serve --set serve-max-concurrent=0",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "`{line}`: {error}");
    }
}

#[test]
fn help_and_version_end_in_status_zero() {
    for line in ["--help", "--version", "chat --help", "models --version"] {
        assert_eq!(parse(line).expect_err(line).exit_code(), 0, "{line}");
    }
}

#[test]
fn global_options_work_before_and_after_the_command_and_settings_accumulate() {
    let mut cli =
        parse("--set max-retries=0 --format json --config a.json models --set bill-to=us --config b.json")
            .expect("right usage");
    cli.global.absorb(cli.command.global());
    assert_eq!(cli.global.format(), Format::Json);
    assert_eq!(cli.global.config, Some(PathBuf::from("b.json")));
    let names: Vec<_> = cli.global.set.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["max-retries", "bill-to"]);
}

#[test]
fn a_server_listens_on_loopback_by_default() {
    for (line, address) in [
        ("serve", "127.0.0.1:0"),
        ("serve --listen 8080", "127.0.0.1:8080"),
        ("serve --listen localhost:8080", "127.0.0.1:8080"),
        ("serve --listen [::1]:8080", "[::1]:8080"),
        ("serve --listen 0.0.0.0:8080", "0.0.0.0:8080"),
    ] {
        let cli = parse(line).expect("right usage");
        let Command::Serve(with) = &cli.command else {
            panic!("it is the serve command");
        };
        assert_eq!(with.args.listen.to_string(), address, "{line}");
    }
}

#[test]
fn a_dash_is_a_prompt_and_a_value_may_contain_an_equals_sign() {
    let cli = parse("chat -m x/a/b - --set extra=a=b").expect("right usage");
    let Command::Chat(with) = &cli.command else {
        panic!("it is the chat command");
    };
    assert_eq!(with.args.prompt.as_deref(), Some("-"));
    assert_eq!(cli.command.global().set, [("extra".to_owned(), "a=b".to_owned())]);
}

#[test]
fn the_error_for_an_option_without_a_value_says_so() {
    for option in ["--base-url", "--set", "--config"] {
        let usage = redact(parse(&format!("models {option}")).expect_err("a value is missing"));
        let text = usage.to_string();
        assert!(
            text.contains("a value is required") && !text.contains('…'),
            "{text}"
        );
    }
    let usage = redact(parse("models --base-url acme_secret").expect_err("no URL"));
    assert!(
        usage.to_string().contains("'…'") && !usage.to_string().contains("acme_"),
        "{usage}"
    );
}
