//! Questions and answers as JSON: everything that screens show and change. Their shapes are in `REQUESTS.md` of this crate.
use crate::answers::{AttemptAnswer, ChangeAnswer};
use crate::error::{Code, EngineError};
use crate::log_requests::{self as log, ExportFormat, Names, Signals};
use crate::services::{self, Counts, Decided, MUTED, MUTED_APPS};
use crate::settings::read_within;
use consentry_consent::backup::{self, Backup};
use consentry_consent::{ConsentError, How, Scope, Term, Via, rfc3339};
use consentry_engine::Counters;
use consentry_runtime::OpenState;
use consentry_runtime::clock;
use consentry_runtime::control::Status;
use consentry_runtime::firewall::OWN_DNS;
use consentry_runtime::open_state::{DecisionError, Observer};
use consentry_runtime::protection::Cause;
use consentry_runtime::store::{Cursor, LogQuery};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The longest package name, in bytes (Android's own limit on file names).
const LONGEST_APP: usize = 255;
/// The longest request, in bytes: a backup with every other character escaped.
const LONGEST_REQUEST: usize = 5 * backup::LONGEST / 2;
/// Changes of consent in one answer, the latest first.
const MOST_CHANGES: usize = 1_000;
/// Where the app's own settings are remembered: one preference each.
const SETTINGS: &str = "app/";
/// Settings of the app's, and their longest name and value in bytes.
const MOST_SETTINGS: usize = 500;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 64 * 1024;

/// What the app may ask.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// Every service, with its consent and its counts.
    Services {},
    /// Allow a service.
    Grant {
        service: String,
        app: Option<String>,
        #[serde(rename = "for")]
        term: Option<String>,
        via: Source,
        wording: Option<String>,
    },
    /// Hold it back: end its consent, or record that there shall be none.
    Revoke { service: String, app: Option<String>, via: Source, wording: Option<String> },
    /// Ask no questions about a service, or about what an app attempts; or ask again.
    Mute { service: Option<String>, app: Option<String>, on: bool },
    /// Strict mode for an app: what the catalogue does not know is denied to it too.
    Strict { app: String, on: bool, via: Source, wording: Option<String> },
    /// Changes of consent, the latest first.
    History { service: Option<String> },
    /// A page of the attempt log, the latest first.
    Log {
        service: Option<Names>,
        app: Option<Names>,
        signal: Option<Signals>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
        search: Option<String>,
        before: Option<Cursor>,
        limit: Option<u32>,
    },
    /// How many rows of the log there are with that, and attempts in them.
    LogCount {
        service: Option<Names>,
        app: Option<Names>,
        signal: Option<Signals>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
        search: Option<String>,
    },
    /// The next part of a file of the log, the oldest first.
    Export {
        format: ExportFormat,
        service: Option<Names>,
        app: Option<Names>,
        signal: Option<Signals>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
        search: Option<String>,
        after: Option<Cursor>,
    },
    /// How many attempts there were, by day, service, app and signal.
    Counts { since_ms: i64, until_ms: Option<i64> },
    /// How much of the log is kept; with a number, keep that much from now on.
    Retention { days: Option<u32>, megabytes: Option<u32> },
    /// Delete the log for good.
    DeleteLog {},
    /// When nothing was held back.
    Gaps { since_ms: i64 },
    /// The app is at work, so the engine that runs is alive.
    Heartbeat {},
    /// Why, and perhaps when, the engine ended.
    Ended { at_ms: Option<i64>, cause: Cause },
    /// One row of it.
    Attempt { id: i64 },
    /// How the engine does, and the numbers of the last seven days.
    Status {},
    /// A receipts file of the whole ledger, or of one service.
    Receipts { service: Option<String> },
    /// A file of the present decisions and settings.
    Backup {},
    /// Puts such a file in their place, or only tells what that would change.
    Restore { text: String, preview: Option<bool> },
    /// The app's own settings.
    Settings {},
    /// Remember one of them, or with null forget it.
    Set { key: String, value: Option<String> },
    /// Fails on purpose.
    #[cfg(debug_assertions)]
    Fail { what: Fault },
}

/// Which part fails.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// The request itself.
    Request,
    /// The engine, at the next flow whose owner it does not know.
    Engine,
}

/// How the owner said so.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Screen,
    Notification,
    Tile,
    ManagedConfiguration,
    Automation,
}

impl From<Source> for Via {
    fn from(source: Source) -> Self {
        match source {
            Source::Screen => Self::Screen,
            Source::Notification => Self::Notification,
            Source::Tile => Self::Tile,
            Source::ManagedConfiguration => Self::ManagedConfiguration,
            Source::Automation => Self::Automation,
        }
    }
}

#[derive(Serialize)]
struct Done {
    ok: bool,
}

#[derive(Serialize)]
struct Granted {
    ok: bool,
    /// Services that can connect now too where the bytes cannot tell them apart, though they are not allowed.
    warns: Vec<&'static str>,
}

#[derive(Serialize)]
struct Services {
    services: Vec<services::ServiceAnswer<'static>>,
}

#[derive(Serialize)]
struct History {
    changes: Vec<ChangeAnswer>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    row: Option<AttemptAnswer<'a>>,
}

#[derive(Serialize)]
struct StatusAnswer {
    running: bool,
    /// Why nothing passes any more, if the engine has failed.
    failure: Option<String>,
    held_today: u64,
    days: Vec<DayAnswer>,
    allowed: usize,
    undecided: usize,
    counters: Counters,
    /// Malformed packets that were dropped, by reason.
    drops: BTreeMap<String, u64>,
    /// Why attempts are not stored at present.
    store_error: Option<String>,
    attempts_lost: u64,
    /// When an earlier record of decisions could not be believed and was set aside, and why.
    reset: Option<ResetAnswer>,
    strict_apps: Vec<String>,
    muted_apps: Vec<String>,
    own_dns: [IpAddr; 2],
    version: &'static str,
}

#[derive(Serialize)]
struct ResetAnswer {
    time_ms: i64,
    why: String,
}

#[derive(Serialize)]
struct DayAnswer {
    date: String,
    count: u64,
}

#[derive(Serialize)]
struct Receipts {
    text: String,
}

#[derive(Serialize)]
struct BackupAnswer {
    text: String,
    decisions: usize,
}

#[derive(Serialize)]
struct RestoreAnswer<'a> {
    made_ms: i64,
    /// How many the file holds.
    decisions: usize,
    granted: usize,
    withdrawn: usize,
    /// Services of the file that stay as they are: they left the catalogue, or stand for more today.
    left_out: Vec<&'a str>,
}

#[derive(Serialize)]
struct Settings {
    settings: BTreeMap<String, String>,
}

/// What requests turn to.
pub(crate) struct Desk<'a> {
    pub(crate) state: &'a OpenState,
    /// How the running engine does; `None` when none runs.
    pub(crate) engine: &'a dyn Fn() -> Option<EngineStatus>,
    /// Is told of changes that are none of consent.
    pub(crate) observer: &'a dyn Observer,
    #[cfg(debug_assertions)]
    pub(crate) faults: &'a crate::faults::Faults,
}

/// How a running engine does.
pub(crate) struct EngineStatus {
    /// It has failed, and this is why.
    pub(crate) failure: Option<String>,
    /// `None` when the packet thread does not say in time.
    pub(crate) details: Option<Status>,
}

impl Desk<'_> {
    /// Answers a request.
    pub(crate) fn answer(&self, request: &str) -> Result<String, EngineError> {
        match read_within(LONGEST_REQUEST, "the request", request)? {
            Request::Services {} => json(&Services { services: services::all(self.state, clock::now())? }),
            Request::Grant { service, app, term, via, wording } => {
                self.grant(&service, app, term.as_deref(), how(via, wording))
            }
            Request::Revoke { service, app, via, wording } => self.revoke(&service, app, how(via, wording)),
            Request::Mute { service, app, on } => self.mute(service.as_deref(), app.as_deref(), on),
            Request::Strict { app, on, via, wording } => {
                match self.state.set_strict(&app, on, how(via, wording)) {
                    // As asked for already.
                    Ok(_) | Err(DecisionError::Consent(ConsentError::StrictAlready { .. })) => json(&DONE),
                    Err(error) => Err(error.into()),
                }
            }
            Request::History { service } => self.history(service.as_deref()),
            Request::Log { service, app, signal, since_ms, until_ms, search, before, limit } => {
                let wanted = self.wanted(service, app, signal, since_ms, until_ms, search);
                log::page(self.state, wanted, before, limit)
            }
            Request::LogCount { service, app, signal, since_ms, until_ms, search } => {
                log::count(self.state, &self.wanted(service, app, signal, since_ms, until_ms, search))
            }
            Request::Export { format, service, app, signal, since_ms, until_ms, search, after } => {
                log::export(
                    self.state,
                    format,
                    self.wanted(service, app, signal, since_ms, until_ms, search),
                    after,
                )
            }
            Request::Counts { since_ms, until_ms } => log::counts(self.state, since_ms, until_ms),
            Request::Retention { days, megabytes } => log::retention(self.state, days, megabytes),
            Request::DeleteLog {} => log::delete(self.state),
            Request::Gaps { since_ms } => json(&self.state.store().protection(since_ms, &clock::now())?),
            Request::Heartbeat {} => {
                self.state.pulse();
                json(&DONE)
            }
            Request::Ended { at_ms, cause } => {
                self.state.store().explain_end(at_ms, cause)?;
                json(&DONE)
            }
            Request::Attempt { id } => {
                let found = self.state.store().numbered_attempt(id)?;
                json(&Attempt { row: found.as_ref().map(|(place, row)| AttemptAnswer::new(*place, row)) })
            }
            Request::Status {} => self.status(),
            Request::Receipts { service } => {
                json(&Receipts { text: self.state.receipts(service.as_deref())? })
            }
            Request::Backup {} => self.backup(),
            Request::Restore { text, preview } => self.restore(&text, preview == Some(true)),
            Request::Settings {} => json(&Settings { settings: self.state.store().preferences(SETTINGS)? }),
            Request::Set { key, value } => self.set(&key, value.as_deref()),
            #[cfg(debug_assertions)]
            Request::Fail { what } => {
                match what {
                    Fault::Request => panic!("a fault made for a test"),
                    Fault::Engine => self.faults.prepare(),
                }
                json(&DONE)
            }
        }
    }

    /// Which rows of the log are wanted. People search for services by their names, too.
    fn wanted(
        &self,
        service: Option<Names>,
        app: Option<Names>,
        signal: Option<Signals>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
        search: Option<String>,
    ) -> LogQuery {
        let named = search.as_ref().map_or_else(Vec::new, |text| {
            let text = text.to_lowercase();
            let services = self.state.catalogue().services().iter();
            let found = services.filter(|service| {
                service.name.to_lowercase().contains(&text)
                    || service.short_name.to_lowercase().contains(&text)
            });
            found.map(|service| service.id.clone()).collect()
        });
        LogQuery {
            services: service.map(Names::into_list).unwrap_or_default(),
            apps: app.map(Names::into_list).unwrap_or_default(),
            signals: signal.map(Signals::into_list).unwrap_or_default(),
            since_ms,
            until_ms,
            search,
            named,
            ..LogQuery::default()
        }
    }

    fn grant(
        &self,
        service: &str,
        app: Option<String>,
        term: Option<&str>,
        how: How,
    ) -> Result<String, EngineError> {
        let term = match term {
            None => Term::Forever,
            Some(text) => {
                text.parse().map_err(|error| EngineError::new(Code::BadRequest, format!("{error}")))?
            }
        };
        match self.state.grant(service, scope(app), term, how) {
            // As asked for already: a second tap on the same switch.
            Ok(_) | Err(DecisionError::Consent(ConsentError::AlreadyOn { .. })) => {}
            Err(error) => return Err(error.into()),
        }
        let index = self.state.catalogue().find(service);
        let decided = Decided::new(self.state, clock::now());
        json(&Granted { ok: true, warns: index.map(|index| decided.opened_with(index)).unwrap_or_default() })
    }

    fn revoke(&self, service: &str, app: Option<String>, how: How) -> Result<String, EngineError> {
        let result = match app {
            None => self.state.deny(service, how).map(|_| ()),
            Some(app) => match self.state.revoke(service, Scope::App(app), how) {
                Err(DecisionError::Consent(ConsentError::NotGranted { .. })) => Ok(()),
                result => result.map(|_| ()),
            },
        };
        result?;
        json(&DONE)
    }

    fn mute(&self, service: Option<&str>, app: Option<&str>, on: bool) -> Result<String, EngineError> {
        let name = match (service, app) {
            (Some(service), None) if self.state.catalogue().find(service).is_none() => {
                return Err(EngineError::new(
                    Code::UnknownService,
                    format!("there is no service '{service}'"),
                ));
            }
            (Some(service), None) => format!("{MUTED}{service}"),
            (None, Some(app)) if (1..=LONGEST_APP).contains(&app.len()) => format!("{MUTED_APPS}{app}"),
            _ => return Err(EngineError::new(Code::BadRequest, "one service is muted, or one app")),
        };
        let since = rfc3339::format(clock::wall_ms());
        self.state.store().set_preference(&name, on.then_some(since.as_str()))?;
        self.observer.consents_changed();
        json(&DONE)
    }

    fn history(&self, service: Option<&str>) -> Result<String, EngineError> {
        let history = self.state.history()?;
        let wanted = history.iter().rev().filter(|change| service.is_none() || change.service() == service);
        json(&History { changes: wanted.take(MOST_CHANGES).map(ChangeAnswer::new).collect() })
    }

    fn status(&self) -> Result<String, EngineError> {
        let now = clock::now();
        let counts = Counts::read(self.state, now.wall_ms)?;
        let decided = Decided::new(self.state, now);
        let (allowed, undecided) = decided.counts(&self.state.store().services_seen()?);
        let engine = (self.engine)();
        let failure = engine.as_ref().and_then(|engine| engine.failure.clone());
        let details = engine.as_ref().and_then(|engine| engine.details.as_ref());
        let health = self.state.health();
        let days = counts.days.iter().zip(counts.totals);
        json(&StatusAnswer {
            running: engine.is_some() && failure.is_none(),
            failure,
            held_today: counts.totals.last().copied().unwrap_or(0),
            days: days.map(|(day, count)| DayAnswer { date: day.to_string(), count }).collect(),
            allowed,
            undecided,
            counters: details.map(|details| details.counters).unwrap_or_default(),
            drops: details.map(|details| details.drops.clone()).unwrap_or_default(),
            store_error: health.error,
            attempts_lost: health.attempts_lost,
            reset: decided.reset().map(|(time_ms, why)| ResetAnswer { time_ms, why: why.to_owned() }),
            strict_apps: decided.strict_apps(),
            muted_apps: self.state.store().preferences(MUTED_APPS)?.into_keys().collect(),
            own_dns: OWN_DNS,
            version: env!("CARGO_PKG_VERSION"),
        })
    }

    fn backup(&self) -> Result<String, EngineError> {
        let backup = self.state.backup()?;
        let text = backup.to_text();
        if text.len() > backup::LONGEST {
            return Err(EngineError::new(
                Code::BadRequest,
                format!("the settings are too long for a backup: {} bytes", text.len()),
            ));
        }
        json(&BackupAnswer { text, decisions: backup.decisions() })
    }

    fn restore(&self, text: &str, preview: bool) -> Result<String, EngineError> {
        let backup =
            Backup::read(text).map_err(|error| EngineError::new(Code::BadRequest, error.to_string()))?;
        let plan = if preview { self.state.plan_restore(&backup) } else { self.state.restore(&backup)? };
        let of_kind = |kind| plan.changes.iter().filter(|change| change.name() == kind).count();
        json(&RestoreAnswer {
            made_ms: backup.made,
            decisions: backup.decisions(),
            granted: of_kind("grant"),
            withdrawn: of_kind("revoke"),
            left_out: plan.left_out.iter().map(String::as_str).collect(),
        })
    }

    fn set(&self, key: &str, value: Option<&str>) -> Result<String, EngineError> {
        let bad = |why: String| Err(EngineError::new(Code::BadRequest, why));
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(fits) {
            return bad(format!(
                "a setting's name has 1 to {LONGEST_KEY} letters, digits, '.', '_', '-' or '/'"
            ));
        }
        if value.is_some_and(|value| value.len() > LONGEST_VALUE) {
            return bad(format!("a setting holds {LONGEST_VALUE} bytes at most"));
        }
        let store = self.state.store();
        if value.is_some() {
            let others = store.preferences(SETTINGS)?;
            if others.len() >= MOST_SETTINGS && !others.contains_key(key) {
                return bad(format!("there are {MOST_SETTINGS} settings already"));
            }
        }
        store.set_preference(&format!("{SETTINGS}{key}"), value)?;
        json(&DONE)
    }
}

const DONE: Done = Done { ok: true };

fn how(via: Source, wording: Option<String>) -> How {
    How { via: via.into(), wording }
}

fn scope(app: Option<String>) -> Scope {
    app.map_or(Scope::AllApps, Scope::App)
}

pub(crate) fn json(answer: &impl Serialize) -> Result<String, EngineError> {
    serde_json::to_string(answer).map_err(|error| EngineError::new(Code::Internal, error.to_string()))
}

#[cfg(test)]
mod tests;
