//! What is listened to: the sources of clients, `listen` entries, signals.

use super::address::address;
use super::execution::Trouble;
use super::frame::{Env, Frame};
use super::instruction::no_answer;
use super::program::{From, Subscription};
use super::race::{Either, first};
use super::record_policy::RecordPolicy;
use super::world::{ScopeId, Site, World};
use crate::event::{
    ErrorKind, Fact, Failure, Inbox, Json, Location, Message, Name, SubscriptionChange,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long opening a subscription may take.
const OPENING: Duration = Duration::from_secs(30);

/// A subscription that is open, or was.
#[derive(Clone)]
pub(super) struct OpenSubscription {
    pub(super) inbox: Inbox,
    /// Where it is written.
    pub(super) place: Arc<Location>,
    /// What is recorded of it.
    pub(super) record_policy: RecordPolicy,
    /// What it listens to, in short, as far as that is recorded.
    pub(super) source: Option<Name>,
    /// How often its connection had been lost when the state began to look at it.
    pub(super) losses: u64,
}

impl<W: World> Frame<'_, W> {
    /// Opens a subscription to the end of the task.
    pub(super) async fn listen(
        &self,
        subscription: &Subscription,
        env: Env<'_>,
    ) -> Result<(), Trouble> {
        let open = self
            .open(subscription, self.instance.listens(), env)
            .await?;
        if let Some(name) = &subscription.name {
            let name = Name::clone(name);
            self.instance.shared().rare().listening.insert(name, open);
        }
        Ok(())
    }

    /// Opens a subscription, or finds the one that is open already.
    pub(super) async fn open(
        &self,
        subscription: &Subscription,
        scope: ScopeId,
        env: Env<'_>,
    ) -> Result<OpenSubscription, Trouble> {
        let (client, source) = match &subscription.from {
            From::Signal(name) => {
                return Ok(OpenSubscription {
                    inbox: self.view(self.execution.signal_inbox(name)),
                    place: Arc::clone(&subscription.place),
                    record_policy: subscription.record_policy,
                    source: Some(format!("signal {name}").into()),
                    losses: 0,
                });
            }
            From::Listen(name) => {
                let open = self.instance.shared().rare().listening.get(name).cloned();
                let from_now = |open: OpenSubscription| OpenSubscription {
                    losses: open.inbox.standing().losses,
                    inbox: self.view(open.inbox),
                    ..open
                };
                return open.map(from_now).ok_or_else(|| {
                    let failure =
                        Failure::new(ErrorKind::Script, format!("`{name}` is not open yet")).hint(
                            "a `listen` instruction must run before a condition subscribes to it",
                        );
                    self.trouble(failure, &subscription.place)
                });
            }
            From::Client { client, source } => (*client, source),
        };
        let call = self.call(client, source, true, env)?;
        let request = Arc::clone(&call.request);
        let address = address(&self.machine().clients[client], &call);
        let client = Name::clone(&call.client);
        let site = Site {
            scope,
            ..self.site(&subscription.place, 1)
        };
        let deadline = self.world().now().after(OPENING);
        let opened = match first(self.world().open(site, call), self.sleep_until(deadline)).await {
            Either::Left(result) => result,
            Either::Right(()) => Err(no_answer(OPENING, address.as_deref())),
        };
        let record_policy = subscription.record_policy;
        let inbox = opened
            .map_err(|failure| self.trouble(record_policy.failure(failure), &subscription.place))?;
        let open = OpenSubscription {
            inbox,
            place: Arc::clone(&subscription.place),
            record_policy,
            source: short_source(&client, &record_policy.value(Arc::clone(&request))),
            losses: 0,
        };
        if scope != self.instance.listens() {
            self.inner().rare().subscriptions.push(open.clone());
        }
        let fact = Fact::SubscriptionOpened {
            place: Arc::clone(&subscription.place),
            source: record_policy.value(request),
        };
        self.record(fact).await;
        Ok(open)
    }

    /// Writes down what happened to a subscription.
    pub(super) fn record_change(
        &self,
        open: &OpenSubscription,
        change: SubscriptionChange,
    ) -> impl Future<Output = ()> {
        let policy = open.record_policy;
        let change = match change {
            SubscriptionChange::Lost { why } => SubscriptionChange::Lost {
                why: policy.failure(why),
            },
            SubscriptionChange::Broken { why } => SubscriptionChange::Broken {
                why: policy.failure(why),
            },
            change @ (SubscriptionChange::Reopened | SubscriptionChange::Ended) => change,
        };
        self.record(Fact::SubscriptionChanged {
            place: Arc::clone(&open.place),
            messages: open.inbox.counts().0,
            change,
        })
    }

    /// Writes down what has happened to any subscription while nobody looked at it.
    pub(super) async fn record_changes(&self) {
        // What the whole task listens to is told by the task.
        let mut all = match self.region {
            None => self.instance.listening(),
            Some(_) => Vec::new(),
        };
        all.extend((self.inner().rare.iter()).flat_map(|rare| rare.subscriptions.iter().cloned()));
        for open in all {
            while let Some(change) = open.inbox.next_change() {
                self.record_change(&open, change).await;
            }
        }
    }

    pub(super) async fn signal(
        &self,
        name: &Name,
        data: Json,
        place: &Arc<Location>,
    ) -> Result<(), Trouble> {
        let value = Arc::new(json!({ "name": &**name, "data": data, "body": data }));
        // The inbox exists from the first use of its name on, so that no signal is lost.
        self.execution.signal_inbox(name);
        let pushed = match self.execution.shared().rare().signals.get(name) {
            Some((feed, _)) => feed.push(Message { value, received: 0 }),
            None => Ok(()),
        };
        pushed.map_err(|failure| self.trouble(failure, place))?;
        self.record(Fact::SignalSent {
            place: Arc::clone(place),
            name: Name::clone(name),
            data,
        })
        .await;
        Ok(())
    }
}

/// A source in short: `bus subject orders.*`. `None` where nothing of it is recorded.
fn short_source(client: &str, source: &Json) -> Option<Name> {
    let members = source.as_object()?;
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut short = client.to_owned();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        short.push_str(&format!(" {name} {}", text(value)));
    }
    Some(short.into())
}
