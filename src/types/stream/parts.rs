//! A stream put together from its parts, which come from a file or a dump: nothing in them is believed.

use super::groups::{Group, Pending};
use super::id::StreamId;
use super::idmp::Sent;
use super::node::Node;
use super::{ConsumerNo, Stream};

/// What is wrong with the parts of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("a node that is no stream node")]
    Node,
    #[error("nodes that are not in order")]
    Order,
    #[error("a length that is not the number of entries")]
    Length,
    #[error("a last id below an entry's")]
    LastId,
    #[error("two groups of one name")]
    Group,
    #[error("two consumers of one name")]
    Consumer,
    #[error("an entry that is pending twice, or nowhere")]
    Pending,
}

/// A stream in the making. Call [`node`](Self::node) for each node, [`counters`](Self::counters) once, then for each group
/// [`group`](Self::group), its [`pending`](Self::pending) entries, each [`consumer`](Self::consumer) with what is
/// [`owned`](Self::owned) by it, and what is nobody's ([`given_back`](Self::given_back)); at last [`finish`](Self::finish).
#[derive(Default)]
pub struct Builder {
    stream: Stream,
    group: Option<(Vec<u8>, Group)>,
    /// The consumer that was begun last.
    consumer: Option<ConsumerNo>,
    owned: usize,
    /// What of the group is nobody's.
    given_back: Vec<StreamId>,
}

/// The counters of a stream as files hold them. Those that older formats do not have are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    pub len: u64,
    pub last_id: StreamId,
    pub first_id: Option<StreamId>,
    pub max_deleted_id: Option<StreamId>,
    pub entries_added: Option<u64>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a node: its id, and the bytes of its listpack.
    ///
    /// # Errors
    /// When the bytes are no node of a stream, or come out of order.
    pub fn node(&mut self, id: StreamId, listpack: &[u8]) -> Result<(), Broken> {
        let node = Node::validated(id, listpack).ok_or(Broken::Node)?;
        let log = &mut self.stream.log;
        let before = log.last_valid_id();
        if !log.is_empty() && before >= id {
            return Err(Broken::Order);
        }
        log.len += node.live();
        log.nodes.push(node);
        log.last_id = log.last_valid_id();
        Ok(())
    }

    /// Sets the counters, all nodes having been added.
    ///
    /// # Errors
    /// When they contradict the nodes.
    pub fn counters(&mut self, counters: Counters) -> Result<(), Broken> {
        let log = &mut self.stream.log;
        if counters.len != log.len {
            return Err(Broken::Length);
        }
        if counters.last_id < log.last_id {
            return Err(Broken::LastId);
        }
        log.last_id = counters.last_id;
        log.first_id = log.iter().next().map_or(StreamId::MIN, |entry| entry.id);
        log.max_deleted_id = counters.max_deleted_id.unwrap_or(StreamId::MIN);
        log.entries_added = counters.entries_added.unwrap_or(counters.len);
        Ok(())
    }

    /// Begins a group. `entries_read` is `None` in formats that do not have it: it is then worked out.
    ///
    /// # Errors
    /// When there is one of this name, or the one before it is not complete.
    pub fn group(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<Option<i64>>) -> Result<(), Broken> {
        self.end_group()?;
        if self.stream.groups.get(name).is_some() {
            return Err(Broken::Group);
        }
        let entries_read = match entries_read {
            Some(read) => read,
            None => self.stream.log.entries_up_to(last_id).map(|read| read as i64),
        };
        self.group = Some((name.to_vec(), Group::new(last_id, entries_read)));
        Ok(())
    }

    /// Adds a pending entry to the group that was begun last; whose it is will be said later.
    ///
    /// # Errors
    /// When it is pending already.
    pub fn pending(&mut self, id: StreamId, delivered_ms: i64, deliveries: u64) -> Result<(), Broken> {
        let (_, group) = self.group.as_mut().ok_or(Broken::Pending)?;
        if group.pending(id).is_some() {
            return Err(Broken::Pending);
        }
        group.deliver(id, Pending { delivered_ms, deliveries, consumer: ConsumerNo::NOBODY });
        Ok(())
    }

    /// Begins a consumer of the group that was begun last.
    ///
    /// # Errors
    /// When there is one of this name.
    pub fn consumer(&mut self, name: &[u8], seen_ms: i64, active_ms: i64) -> Result<(), Broken> {
        let (_, group) = self.group.as_mut().ok_or(Broken::Consumer)?;
        let no = group.add_consumer(name, seen_ms).ok_or(Broken::Consumer)?;
        if let Some(consumer) = group.consumer_mut(no) {
            consumer.active_ms = active_ms;
        }
        self.consumer = Some(no);
        Ok(())
    }

    /// Says that a pending entry is the consumer's that was begun last.
    ///
    /// # Errors
    /// When there is no such entry, or it is somebody's.
    pub fn owned(&mut self, id: StreamId) -> Result<(), Broken> {
        let (_, group) = self.group.as_mut().ok_or(Broken::Pending)?;
        let consumer = self.consumer.ok_or(Broken::Pending)?;
        let pending = group.pending(id).filter(|pending| pending.consumer == ConsumerNo::NOBODY).ok_or(Broken::Pending)?;
        group.deliver(id, Pending { consumer, ..pending });
        self.owned += 1;
        Ok(())
    }

    /// Says that a pending entry of the group that was begun last is nobody's; each consumer has been told before.
    ///
    /// # Errors
    /// When there is no such entry, or it is somebody's.
    pub fn given_back(&mut self, id: StreamId) -> Result<(), Broken> {
        let (_, group) = self.group.as_ref().ok_or(Broken::Pending)?;
        group.pending(id).filter(|pending| pending.consumer == ConsumerNo::NOBODY).ok_or(Broken::Pending)?;
        self.given_back.push(id);
        Ok(())
    }

    /// Sets what producers have sent.
    pub fn sent(&mut self, sent: Option<Sent>) {
        self.stream.sent = sent.map(Box::new);
    }

    /// Ends the group that was begun last: every pending entry must be somebody's or have been given back, once.
    fn end_group(&mut self) -> Result<(), Broken> {
        if let Some((name, group)) = self.group.take() {
            self.given_back.sort_unstable();
            let twice = self.given_back.windows(2).any(|pair| pair[0] == pair[1]);
            if twice || self.owned + self.given_back.len() != group.pending_len() {
                return Err(Broken::Pending);
            }
            self.stream.groups.add(&name, group);
        }
        self.given_back.clear();
        (self.consumer, self.owned) = (None, 0);
        Ok(())
    }

    /// The stream.
    ///
    /// # Errors
    /// When the last group is not complete.
    pub fn finish(mut self) -> Result<Stream, Broken> {
        self.end_group()?;
        Ok(self.stream)
    }
}
