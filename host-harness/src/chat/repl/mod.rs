//! A conversation at the terminal: prompts, streaming responses, and commands between them.

mod command;
mod line_editor;
mod save;

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use self::{
    command::{Command, Typed},
    line_editor::{Editor, Input, Names},
};
use super::Responding;
use crate::{
    Failure, Outcome,
    args::{ChatArgs, Global, SortKey},
    format, models,
    output::{chat::Gathered, error, models::shown_price},
    request_file,
    session::Session,
    signals::{self, Ending},
    table,
    terminal::Terminal,
    termios::{SavedMode, Unechoed},
};
use model_provider_host::{
    Error, ErrorKind, Result,
    contract::{ChatRequest, ContentPart, Media, Message, ModelCatalog, ProviderErrorKind},
    failover::Failover,
    sanitize,
};

/// One conversation.
struct ReplSession<'a> {
    terminal: Terminal,
    session: &'a Session,
    args: &'a ChatArgs,
    fallback: Failover,
    /// The models to try: the chosen one, then its fallbacks.
    references: Vec<String>,
    system: Option<String>,
    messages: Vec<Message>,
    /// Attached to the next prompt.
    pictures: Vec<Media>,
    /// The last prompt, whatever its outcome.
    last: Option<Vec<ContentPart>>,
    /// Whether the last response broke off and its partial text is in the conversation, which is still to be reported.
    keeps_part: bool,
    catalog: Option<Arc<ModelCatalog>>,
    names: Names,
}

/// How long a response in flight may take to end its line after the program is asked to terminate.
const LAST_LINE: Duration = Duration::from_millis(300);

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ChatArgs) -> Outcome {
    let pictures = args
        .image
        .iter()
        .map(|path| request_file::picture(path))
        .collect::<Result<Vec<_>>>()?;
    let session = Session::for_model(terminal, global, args.model.as_deref()).await?;
    let references = super::references(terminal, &session, args.model.clone(), args.no_fallback)?;
    let names = Names::default();
    let (_mode, mut ending) = (SavedMode::now(), Ending::watched());
    let mut editor = Editor::start(
        session.configuration.state_dir().join("chat-history"),
        Arc::clone(&names),
    )?;
    let mut talk = ReplSession {
        terminal,
        session: &session,
        args,
        fallback: Failover::new().with_params(super::params(terminal, &session)?),
        references,
        system: args.system.clone(),
        messages: Vec::new(),
        pictures,
        last: None,
        keeps_part: false,
        catalog: None,
        names,
    };
    // Until the end: what is typed between a response and the next prompt is for the editor as well.
    let mut quiet = Unechoed::now();
    tokio::select! {
        () = talk.meet(global.base_url.is_none()) => {}
        () = ending.arrived() => return Err(ended().into()),
    }
    loop {
        let input = tokio::select! {
            biased;
            () = ending.arrived() => {
                quiet.leave();
                return Err(ended().into());
            }
            input = editor.read("> ") => input,
        };
        let typed = match input {
            Input::Text(typed) => typed,
            Input::Interrupted => {
                terminal.note(&terminal.err.dim("Ctrl-D ends the conversation"));
                continue;
            }
            Input::Ended => return Ok(()),
        };
        // A line that holds the key is neither obeyed nor stored: history is written to a file.
        if let Err(error) = talk.session.host.refuse_credential(&typed) {
            terminal.note(&error::for_a_person(terminal.err, &error));
            continue;
        }
        let meant = Typed::read(&typed);
        if matches!(meant, Typed::Command(Command::Quit, _)) {
            return Ok(());
        }
        // Saved before the response, which may be the last thing this terminal shows.
        editor.remember(&typed);
        quiet.again();
        let outcome = {
            let taken = talk.take(meant);
            tokio::pin!(taken);
            tokio::select! {
                biased;
                outcome = &mut taken => outcome,
                // A response in flight gets the signal as well, and ends its line.
                () = ending.arrived() => match tokio::time::timeout(LAST_LINE, taken).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(ended().into()),
                },
            }
        };
        match outcome {
            Err(failure) if ending.has_arrived() => return Err(failure),
            Ok(()) | Err(Failure::Shown) => {}
            Err(Failure::Error(error)) => terminal.note(&error::for_a_person(terminal.err, &error)),
            Err(failure @ Failure::Output(_)) => return Err(failure),
        }
        if std::mem::take(&mut talk.keeps_part) {
            let kept = "the partial response stays in the conversation; /retry sends the prompt again";
            terminal.note(&terminal.err.dim(kept));
        }
    }
}

impl ReplSession<'_> {
    fn model(&self) -> &str {
        self.references.first().map_or("", String::as_str)
    }

    /// Shows the model, and loads the list that `/model` completes; caches it if it is that of the usual base URL.
    async fn meet(&mut self, keeps: bool) {
        let listing = self.session.host.list_models(self.session.settings.discovery);
        let catalog = {
            let _turning = self.terminal.spinner("loading the models");
            tokio::select! {
                catalog = listing => catalog.ok(),
                () = signals::interrupted() => None,
            }
        };
        if let Some(catalog) = &catalog {
            let info = &self.session.info;
            if keeps && let Err(error) = self.session.configuration.write_models(info, catalog) {
                self.terminal.warn(error.message());
            }
            let names = line_editor::names(info, self.session.settings.models.aliases(), catalog);
            *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        }
        self.catalog = catalog;
        let paint = self.terminal.err;
        let model = sanitize::name(self.model()).into_owned();
        self.terminal.note(&format!(
            "Talking to {}. {}",
            paint.bold(&model),
            paint.dim("/help lists what you can do.")
        ));
    }

    /// Runs a typed line.
    async fn take(&mut self, typed: Typed) -> Outcome {
        match typed {
            Typed::Blank => Ok(()),
            Typed::Command(command, argument) => self.obey(command, &argument).await,
            Typed::Unknown(word, meant) => {
                let advice = match meant {
                    Some(meant) => format!("did you mean `{}`?", meant.name()),
                    None => "`/help` lists them".to_owned(),
                };
                self.terminal.warn(&format!(
                    "there is no command `{word}`; {advice} (`//` begins a text with `/`)"
                ));
                Ok(())
            }
            Typed::Words(words) => {
                let mut parts: Vec<_> = self.pictures.drain(..).map(ContentPart::Media).collect();
                parts.push(ContentPart::Text(words));
                self.ask(parts).await
            }
        }
    }

    async fn ask(&mut self, question: Vec<ContentPart>) -> Outcome {
        self.last = Some(question.clone());
        let mut request = ChatRequest::new("");
        request
            .messages
            .extend(self.system.as_deref().map(Message::system));
        request.messages.extend(self.messages.iter().cloned());
        request.messages.push(Message::user_parts(question.clone()));
        let answering = Responding {
            terminal: self.terminal,
            host: &self.session.host,
            references: &self.references,
            fallback: &self.fallback,
            started: Instant::now(),
        };
        let mut gathered = Gathered::default();
        let outcome = if self.args.no_stream {
            answering.at_once(request).await.map(|whole| gathered = whole)
        } else {
            answering.as_it_comes(request, &mut gathered).await
        };
        // A prompt without a response is left out of the conversation: many backends refuse two user messages in a row.
        if !gathered.text.is_empty() {
            self.messages.push(Message::user_parts(question));
            self.messages.push(Message::assistant(gathered.text));
            self.keeps_part = outcome.is_err();
        }
        outcome
    }

    async fn obey(&mut self, command: Command, argument: &str) -> Outcome {
        match command {
            Command::Help => self.help(),
            Command::Model if argument.is_empty() => {
                self.terminal.note(&format!(
                    "tried in this order: {}",
                    sanitize::names(self.references.iter().map(String::as_str))
                ));
            }
            Command::Model => self.choose(argument).await?,
            Command::Models => self.models(argument),
            Command::System => self.instruct(argument),
            Command::Image => self.show(argument)?,
            Command::Retry => {
                let Some(question) = self.last.clone() else {
                    return Err(lacking("there is no prompt to send again").into());
                };
                if matches!(self.messages.as_slice(), [.., Message::User(asked), Message::Assistant(_)] if same(&asked.content, &question))
                {
                    self.messages.truncate(self.messages.len() - 2);
                }
                // `/retry` ends this model's cooldown: the user wants its response, not a fallback's.
                self.fallback.end_cooldown(&self.session.host, self.model()).await;
                return self.ask(question).await;
            }
            Command::New => {
                self.messages.clear();
                self.last = None;
                self.terminal.note("forgotten");
            }
            Command::Save => {
                if argument.is_empty() {
                    return Err(lacking("name the file: `/save talk.md`").into());
                }
                let mut messages: Vec<Message> =
                    self.system.as_deref().map(Message::system).into_iter().collect();
                messages.extend(self.messages.iter().cloned());
                save::write(&command::file(argument), self.model(), &messages)?;
                self.terminal
                    .note(&format!("written to {}", sanitize::line(argument)));
            }
            Command::Quit => {}
        }
        Ok(())
    }

    fn help(&self) {
        for command in Command::ALL {
            let (takes, does) = command.help();
            let name = format!("{} {takes}", command.name());
            self.terminal
                .note(&format!("{name:16} {}", self.terminal.err.dim(does)));
        }
        let several = "a \\ at the end of a line, or \"\"\" before and after, for several lines; Ctrl-C cancels a response";
        self.terminal.note(&self.terminal.err.dim(several));
    }

    async fn choose(&mut self, text: &str) -> Result<()> {
        let named = self.session.named(text)?;
        let found = self.session.host.resolve(&named.reference).await?;
        if let Some(profile) = named.profile {
            self.terminal.warn(&format!(
                "the key of this conversation stays; `chat -m {text}` begins one with the key of `{profile}`"
            ));
        }
        let warnings = found.warnings.iter().map(|warning| warning.message.as_str());
        self.terminal.warn_of(warnings);
        self.fallback
            .end_cooldown(&self.session.host, &found.canonical)
            .await;
        let rest = self.references.split_off(self.references.len().min(1));
        let name = found.alias.as_deref().unwrap_or(&found.display_name);
        let mut facts = vec![(
            "model",
            format!("{} ({})", sanitize::name(name), sanitize::name(&found.canonical)),
        )];
        if let Some(model) = &found.metadata {
            facts.push(("$ per M in / out", shown_price(model)));
            facts.push(("window", format::known_tokens(model.context_window)));
        }
        self.terminal.note(&table::facts(self.terminal.err, &facts));
        self.references = vec![found.canonical.clone()];
        self.references
            .extend(rest.into_iter().filter(|reference| *reference != found.canonical));
        Ok(())
    }

    fn models(&self, filter: &str) {
        let Some(catalog) = &self.catalog else {
            self.terminal
                .warn("there is no list of models; a new conversation loads it again");
            return;
        };
        let info = &self.session.info;
        let mut some: Vec<_> = catalog
            .models
            .iter()
            .filter(|model| models::matches(info, model, filter))
            .cloned()
            .collect();
        models::sort(&mut some, SortKey::default());
        if some.is_empty() {
            self.terminal.note("none");
        } else {
            self.terminal
                .note(&models::models_table(self.terminal.err, info, &some));
        }
    }

    fn instruct(&mut self, text: &str) {
        match text {
            "" => {}
            "-" => self.system = None,
            text => self.system = Some(text.to_owned()),
        }
        let now = self
            .system
            .as_deref()
            .map_or_else(|| "nothing".into(), sanitize::text);
        self.terminal.note(&format!("system prompt: {now}"));
    }

    fn show(&mut self, file: &str) -> Result<()> {
        if file.is_empty() {
            return Err(lacking("name the file: `/image photo.png`"));
        }
        self.pictures.push(request_file::picture(&command::file(file))?);
        self.terminal.note(&format!(
            "{} attached to the next prompt",
            format::counted(self.pictures.len(), "picture")
        ));
        Ok(())
    }
}

/// The process was terminated from outside, and not by the user.
fn ended() -> Error {
    Error::new(
        ErrorKind::Cancelled,
        "the conversation was terminated from outside",
    )
}

/// A command without its argument: an error is shown and nothing changes.
fn lacking(message: &str) -> Error {
    Error::new(ErrorKind::Provider(ProviderErrorKind::InvalidRequest), message)
}

/// Whether two prompts are equal.
fn same(a: &[ContentPart], b: &[ContentPart]) -> bool {
    let texts = |parts: &[ContentPart]| -> Vec<String> {
        let text = |part: &ContentPart| match part {
            ContentPart::Text(text) => Some(text.clone()),
            _ => None,
        };
        parts.iter().filter_map(text).collect()
    };
    a.len() == b.len() && texts(a) == texts(b)
}
