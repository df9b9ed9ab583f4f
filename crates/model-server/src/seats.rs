//! Connection limits, in total and per address, and which connection is closed when a limit is reached.
//!
//! A connection is *opening* until its first request's head has arrived, *receiving* while a request's body
//! arrives, *busy* until the response has been sent, and *idle* between two requests. Opening connections are
//! closed first to make room, then idle ones, then those that have been receiving for long, the oldest first. When
//! all are busy, a few reserved seats remain for the health check, and to reject other requests.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tokio::task::AbortHandle;

use super::ServeLimits;

/// Seats beyond the limit.
pub(super) const RESERVED: usize = 64;

const OPENING: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;
const RECEIVING: u8 = 3;
const LEAVING: u8 = 4;
/// How long a body may take before its connection may be closed to make room.
const PATIENCE: Duration = Duration::from_secs(5);

/// The seats of a server.
#[derive(Clone)]
pub(super) struct Seats(Arc<Inner>);

struct Inner {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Vec<Taken>>,
    started: Instant,
}

struct Taken {
    seat: Arc<SeatState>,
    address: IpAddr,
    /// Set once the connection's task exists.
    task: Option<AbortHandle>,
}

struct SeatState {
    phase: AtomicU8,
    /// The start of its phase, in microseconds since the server's start.
    since: AtomicU64,
    is_reserved: bool,
}

/// A connection's seat; released on drop.
pub(super) struct Seat {
    state: Arc<SeatState>,
    seats: Seats,
}

/// A connection's seat, as its requests see it.
#[derive(Clone)]
pub(super) struct Sitting(Arc<SeatState>, Instant);

/// A request in progress on a seat.
pub(super) struct Busy(Sitting);

/// A request whose body is being received.
pub(super) struct Receiving(Sitting);

impl Seats {
    pub(super) fn new(limits: &ServeLimits) -> Self {
        Self(Arc::new(Inner {
            most: limits.connections,
            most_of_one: limits.connections_per_address,
            taken: Mutex::default(),
            started: Instant::now(),
        }))
    }

    /// Takes a seat for a connection from this address; `None` if even the reserved ones are taken.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let (mut taken, now) = (self.taken(), micros(self.0.started));
        let is_full = |taken: &[Taken]| {
            let ordinary = taken
                .iter()
                .filter(|one| !one.seat.is_reserved && !one.is_leaving());
            ordinary.clone().count() >= self.0.most
                || ordinary.filter(|one| one.address == address).count() >= self.0.most_of_one
        };
        if is_full(&taken) {
            // An address above its limit loses one of its own connections; else any connection may be closed.
            let of_one = taken
                .iter()
                .filter(|one| one.address == address && !one.seat.is_reserved);
            let is_greedy = of_one.count() >= self.0.most_of_one;
            leave(&taken, now, |one| {
                !one.seat.is_reserved && (!is_greedy || one.address == address)
            });
        }
        let is_reserved = is_full(&taken);
        if is_reserved {
            let reserved = taken
                .iter()
                .filter(|one| one.seat.is_reserved && !one.is_leaving());
            if reserved.count() >= RESERVED && !leave(&taken, now, |one| one.seat.is_reserved) {
                return None;
            }
        }
        let state = Arc::new(SeatState {
            phase: AtomicU8::new(OPENING),
            since: AtomicU64::new(now),
            is_reserved,
        });
        taken.push(Taken {
            seat: Arc::clone(&state),
            address,
            task: None,
        });
        Some(Seat {
            state,
            seats: self.clone(),
        })
    }

    /// Sets the task that serves the connection of a new seat.
    pub(super) fn served_by(&self, sitting: &Sitting, task: AbortHandle) {
        let mut taken = self.taken();
        if let Some(one) = taken.iter_mut().find(|one| Arc::ptr_eq(&one.seat, &sitting.0)) {
            one.task = Some(task);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the oldest of these connections that may be closed; false if there is none.
fn leave(taken: &[Taken], now: u64, may: impl Fn(&Taken) -> bool) -> bool {
    for (phase, age) in [
        (OPENING, Duration::ZERO),
        (IDLE, Duration::ZERO),
        (RECEIVING, PATIENCE),
    ] {
        let latest = now.saturating_sub(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
        let is_so = |one: &&Taken| {
            let SeatState { phase: of, since, .. } = &*one.seat;
            one.task.is_some() && of.load(SeqCst) == phase && since.load(SeqCst) <= latest && may(one)
        };
        let mut oldest: Vec<&Taken> = taken.iter().filter(is_so).collect();
        oldest.sort_by_key(|one| one.seat.since.load(SeqCst));
        for one in oldest {
            // It may have become busy at this moment.
            if one
                .seat
                .phase
                .compare_exchange(phase, LEAVING, SeqCst, SeqCst)
                .is_ok()
            {
                if let Some(task) = &one.task {
                    task.abort();
                }
                tracing::debug!("a connection made room for another");
                return true;
            }
        }
    }
    false
}

impl Taken {
    fn is_leaving(&self) -> bool {
        self.seat.phase.load(SeqCst) == LEAVING
    }
}

impl Seat {
    pub(super) fn sitting(&self) -> Sitting {
        Sitting(Arc::clone(&self.state), self.seats.0.started)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(at) = taken.iter().position(|one| Arc::ptr_eq(&one.seat, &self.state)) {
            taken.swap_remove(at);
        }
    }
}

impl Sitting {
    /// Whether it is a reserved seat, on which only the health check is served.
    pub(super) fn is_reserved(&self) -> bool {
        self.0.is_reserved
    }

    /// Marks it as busy with a request.
    pub(super) fn busy(&self) -> Busy {
        self.enter(BUSY);
        Busy(self.clone())
    }

    /// Marks it as receiving a body, until this is dropped.
    pub(super) fn receiving(&self) -> Receiving {
        self.enter(RECEIVING);
        Receiving(self.clone())
    }

    fn enter(&self, phase: u8) {
        self.0.since.store(micros(self.1), SeqCst);
        // A connection that is being closed stays so: its task has been aborted.
        let _ = self
            .0
            .phase
            .fetch_update(SeqCst, SeqCst, |now| (now != LEAVING).then_some(phase));
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.enter(BUSY);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.enter(IDLE);
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: [u8; 4] = [127, 0, 0, 1];
    const THERE: [u8; 4] = [192, 0, 2, 1];

    struct Room {
        seats: Seats,
        connections: Vec<(Sitting, tokio::task::JoinHandle<()>)>,
    }

    impl Room {
        fn of(connections: usize, connections_per_address: usize) -> Self {
            let limits = ServeLimits {
                connections,
                connections_per_address,
                ..ServeLimits::default()
            };
            Self {
                seats: Seats::new(&limits),
                connections: Vec::new(),
            }
        }

        /// The number of a new connection, if it gets a seat.
        fn open(&mut self, address: [u8; 4]) -> Option<usize> {
            let seat = self.seats.take(address.into())?;
            let sitting = seat.sitting();
            let task = tokio::spawn(async move {
                let _seat = seat;
                std::future::pending::<()>().await;
            });
            self.seats.served_by(&sitting, task.abort_handle());
            self.connections.push((sitting, task));
            std::thread::sleep(std::time::Duration::from_micros(10));
            Some(self.connections.len() - 1)
        }

        async fn ended(&self) -> Vec<usize> {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            let all = self.connections.iter().enumerate();
            all.filter(|(_, (_, task))| task.is_finished())
                .map(|(at, _)| at)
                .collect()
        }
    }

    #[tokio::test]
    async fn the_oldest_connection_without_a_request_makes_room_for_a_new_one() {
        let mut room = Room::of(3, 3);
        for _ in 0..3 {
            room.open(HERE);
        }
        let busy = room.connections[0].0.busy();
        drop(room.connections[1].0.busy());
        let fourth = room.open(HERE).expect("a seat");
        assert!(!room.connections[fourth].0.is_reserved());
        assert_eq!(room.ended().await, [2], "an opening one before an idle one");
        let held = room.connections[3].0.busy();
        room.open(HERE);
        assert_eq!(room.ended().await, [1, 2]);
        let more = room.connections[4].0.busy();
        let reserved = room.open(HERE).expect("a reserved seat");
        assert!(room.connections[reserved].0.is_reserved(), "all are busy");
        assert_eq!(room.ended().await, [1, 2]);
        drop((busy, held, more));
    }

    #[tokio::test]
    async fn one_address_cannot_take_all_connections() {
        let mut room = Room::of(4, 2);
        for _ in 0..10 {
            room.open(THERE);
        }
        assert_eq!(room.ended().await.len(), 8);
        let here = [room.open(HERE), room.open(HERE)].map(|at| at.expect("a seat"));
        assert!(here.iter().all(|at| !room.connections[*at].0.is_reserved()));
        assert_eq!(room.ended().await.len(), 8, "nobody had to leave");
    }

    #[tokio::test]
    async fn reserved_seats_run_out_only_when_each_has_a_request() {
        let mut room = Room::of(1, 1);
        let first = room.open(HERE).expect("a seat");
        let mut busy = vec![room.connections[first].0.busy()];
        for _ in 0..2 * RESERVED {
            assert!(room.open(HERE).is_some());
        }
        room.ended().await;
        for (sitting, task) in &room.connections {
            if sitting.is_reserved() && !task.is_finished() {
                busy.push(sitting.busy());
            }
        }
        assert_eq!(busy.len(), 1 + RESERVED);
        assert!(room.open(HERE).is_none());
        busy.pop();
        assert!(room.open(HERE).is_some());
    }
}
