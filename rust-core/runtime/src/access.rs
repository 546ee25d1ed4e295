//! One way to read and change consent for commands: through the control socket when a firewall runs, else straight from
//! the store.
use crate::clock;
use crate::control::{Client, ClientError, Request, Response, Status};
use crate::decisions::{DecisionError, Decisions};
use crate::store::{LogQuery, Page, Store, StoreError};
use consentry_catalogue::Catalogue;
use consentry_consent::attempt::AttemptRow;
use consentry_consent::{Change, ConsentError, Consents, Grant, How, Scope, Term};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a command waits for another process that has the store just now: another command, or a firewall that is starting.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(20);

/// Access to the state of one folder. Holds nothing between calls, so that it never stands in the way of a firewall.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    catalogue: &'static Catalogue,
}

/// Why a request could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The change makes no sense.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The running firewall refused, or does not answer.
    #[error(transparent)]
    Firewall(#[from] ClientError),
    /// Only a running firewall could do that.
    #[error("no firewall is running on {0}; start one with `consentry run`")]
    NotRunning(PathBuf),
}

impl From<DecisionError> for AccessError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Consent(error) => Self::Consent(error),
            DecisionError::NotStored(error)
            | DecisionError::NotYetStored(error)
            | DecisionError::SettingsNotStored(error) => Self::Store(error),
        }
    }
}

/// How the state is reached this time.
enum Reach {
    Running(Client),
    Stored { store: Arc<Store>, decisions: Box<Decisions> },
}

impl State {
    /// Access to a state folder, which is created when it is absent. Fails early when the folder or its store cannot be used.
    ///
    /// # Errors
    /// The store cannot be used, and no firewall runs on it.
    pub fn open(folder: &Path) -> Result<Self, AccessError> {
        let state = Self { folder: folder.to_owned(), catalogue: Catalogue::builtin() };
        state.reach()?;
        Ok(state)
    }

    /// Whether a firewall is running on this folder.
    pub fn is_running(&self) -> bool {
        Client::connect(&self.folder).is_some()
    }

    /// Grants consent. Stored durably, and in force in a running firewall, when this returns.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn grant(
        &mut self,
        service: &str,
        scope: Scope,
        term: Term,
        how: impl Into<How>,
    ) -> Result<Change, AccessError> {
        let how = how.into();
        match self.reach()? {
            Reach::Running(client) => {
                let How { via, wording } = how;
                change(client, &Request::Grant { service: service.to_owned(), scope, term, via, wording })
            }
            Reach::Stored { decisions, .. } => Ok(decisions.grant(service, scope, term, how)?),
        }
    }

    /// Withdraws consent.
    ///
    /// # Errors
    /// Nothing was changed, or, where a running firewall says so, the withdrawal is in force but not stored yet.
    pub fn revoke(
        &mut self,
        service: &str,
        scope: Scope,
        how: impl Into<How>,
    ) -> Result<Change, AccessError> {
        let how = how.into();
        match self.reach()? {
            Reach::Running(client) => {
                let How { via, wording } = how;
                change(client, &Request::Revoke { service: service.to_owned(), scope, via, wording })
            }
            Reach::Stored { decisions, .. } => Ok(decisions.revoke(service, scope, how)?),
        }
    }

    /// Switches strict mode on or off for an app.
    ///
    /// # Errors
    /// As for [`Self::grant`].
    pub fn set_strict(&mut self, app: &str, on: bool, how: impl Into<How>) -> Result<Change, AccessError> {
        let how = how.into();
        match self.reach()? {
            Reach::Running(client) => {
                let How { via, wording } = how;
                change(client, &Request::Strict { app: app.to_owned(), on, via, wording })
            }
            Reach::Stored { decisions, .. } => Ok(decisions.set_strict(app, on, how)?),
        }
    }

    /// The consents as they stand.
    ///
    /// # Errors
    /// The store cannot be read, or the running firewall does not answer.
    pub fn consents(&mut self) -> Result<Consents, AccessError> {
        Ok(Consents::replay(&self.history()?))
    }

    /// What is granted now, by service and scope.
    ///
    /// # Errors
    /// As for [`Self::consents`].
    pub fn grants(&mut self) -> Result<Vec<Grant>, AccessError> {
        let now = clock::now();
        Ok(self.consents()?.grants().filter(|grant| !grant.is_over(&now)).cloned().collect())
    }

    /// Every change of consent so far, oldest first.
    ///
    /// # Errors
    /// As for [`Self::consents`].
    pub fn history(&mut self) -> Result<Vec<Change>, AccessError> {
        match self.reach()? {
            Reach::Running(mut client) => {
                let mut changes = Vec::new();
                client.ask(&Request::History, &mut |response| match response {
                    Response::Change { change } => {
                        changes.push(change);
                        ControlFlow::Continue(())
                    }
                    _ => ControlFlow::Continue(()),
                })?;
                Ok(changes)
            }
            Reach::Stored { decisions, .. } => Ok(decisions.history()?),
        }
    }

    /// A receipts file of the whole ledger, or of one service (its id): its text.
    ///
    /// # Errors
    /// As for [`Self::consents`].
    pub fn receipts(&mut self, service: Option<&str>) -> Result<String, AccessError> {
        match self.reach()? {
            Reach::Running(mut client) => {
                let mut text = String::new();
                client.ask(&Request::Receipts { service: service.map(str::to_owned) }, &mut |response| {
                    if let Response::Text { part } = response {
                        text.push_str(&part);
                    }
                    ControlFlow::Continue(())
                })?;
                Ok(text)
            }
            Reach::Stored { decisions, .. } => Ok(decisions.receipts(service)?),
        }
    }

    /// Logged attempts, handed over one by one in the order asked for, until `each` breaks off or the query's limit is reached.
    ///
    /// # Errors
    /// As for [`Self::consents`].
    pub fn attempts(
        &mut self,
        query: &LogQuery,
        each: &mut dyn FnMut(AttemptRow) -> ControlFlow<()>,
    ) -> Result<(), AccessError> {
        let mut reach = self.reach()?;
        let mut query = query.clone();
        loop {
            let page = match &mut reach {
                Reach::Running(client) => page(client, &query)?,
                Reach::Stored { store, .. } => store.attempts(&query)?,
            };
            query.limit = query.limit.map(|limit| limit.saturating_sub(page.rows.len() as u32));
            for row in page.rows {
                if each(row).is_break() {
                    return Ok(());
                }
            }
            if page.next.is_none() || query.limit == Some(0) {
                return Ok(());
            }
            query.after = page.next;
        }
    }

    /// Hands over each attempt as it is logged, until `each` breaks off or the firewall ends. A repeat hands over its row once
    /// more, with the new count.
    ///
    /// # Errors
    /// No firewall is running, or it does not answer any more.
    pub fn follow(
        &mut self,
        query: &LogQuery,
        each: &mut dyn FnMut(AttemptRow) -> ControlFlow<()>,
    ) -> Result<(), AccessError> {
        let mut client =
            Client::connect(&self.folder).ok_or_else(|| AccessError::NotRunning(self.folder.clone()))?;
        client.ask(&Request::Follow { query: query.clone() }, &mut |response| match response {
            Response::Row { row } => each(*row),
            Response::Missed { rows } => {
                log::warn!("{rows} rows are left out here: the log was read too slowly");
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        })?;
        Ok(())
    }

    /// How the running firewall is doing; `None` when none runs.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&mut self) -> Result<Option<Status>, AccessError> {
        let Some(mut client) = Client::connect(&self.folder) else { return Ok(None) };
        let mut found = None;
        client.ask(&Request::Status, &mut |response| {
            if let Response::Status { status } = response {
                found = Some(*status);
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Ends the running firewall. Returns whether there was one.
    ///
    /// # Errors
    /// It does not answer.
    pub fn stop(&mut self) -> Result<bool, AccessError> {
        let Some(mut client) = Client::connect(&self.folder) else { return Ok(false) };
        client.ask(&Request::Stop, &mut |_| ControlFlow::Continue(()))?;
        Ok(true)
    }

    /// The running firewall, or else the store.
    fn reach(&self) -> Result<Reach, AccessError> {
        let start = Instant::now();
        loop {
            if let Some(client) = Client::connect(&self.folder) {
                return Ok(Reach::Running(client));
            }
            match Store::open(&self.folder) {
                Ok(store) => {
                    let store = Arc::new(store);
                    let decisions = Box::new(Decisions::open(store.clone(), self.catalogue, None)?);
                    return Ok(Reach::Stored { store, decisions });
                }
                Err(StoreError::Locked { .. }) if start.elapsed() < PATIENCE => std::thread::sleep(RETRY),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn change(mut client: Client, request: &Request) -> Result<Change, AccessError> {
    let mut made = None;
    client.ask(request, &mut |response| {
        if let Response::Change { change } = response {
            made = Some(change);
        }
        ControlFlow::Continue(())
    })?;
    Ok(made.ok_or(ClientError::Unreadable)?)
}

fn page(client: &mut Client, query: &LogQuery) -> Result<Page, AccessError> {
    let mut page = Page::default();
    let last = client.ask(&Request::Log { query: query.clone() }, &mut |response| {
        if let Response::Row { row } = response {
            page.rows.push(*row);
        }
        ControlFlow::Continue(())
    })?;
    if let Some(Response::Done { next }) = last {
        page.next = next;
    }
    Ok(page)
}
