//! The calls and returns of the operations that are not placed yet, in the order of time: a doubly linked list, out of
//! which an operation is lifted when it is placed, and back into which it is dropped when it is taken back.
//!
//! An operation may come next if its call stands before the first return: nothing unplaced had returned before.

/// Node 0 is the list's end on both sides.
const END: usize = 0;

/// Where to begin to walk.
pub(crate) const BEGIN: usize = END;

#[derive(Debug, Clone, Copy)]
struct Node {
    next: usize,
    prev: usize,
    at: u64,
    op: usize,
    is_return: bool,
}

/// The list. Operations are numbers from 0.
#[derive(Debug)]
pub(crate) struct Entries {
    nodes: Vec<Node>,
    calls: Vec<usize>,
    returns: Vec<usize>,
}

impl Entries {
    /// From the times of each operation's call and return.
    pub(crate) fn new(spans: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut events: Vec<(u64, bool, usize)> = Vec::new();
        for (op, (called_at, returned_at)) in spans.enumerate() {
            events.extend([(called_at, false, op), (returned_at, true, op)]);
        }
        events.sort_unstable();
        let ops = events.len() / 2;
        let end = Node { next: END, prev: END, at: u64::MAX, op: usize::MAX, is_return: true };
        let mut entries = Entries { nodes: vec![end], calls: vec![END; ops], returns: vec![END; ops] };
        events.into_iter().for_each(|event| entries.push(event));
        entries
    }

    fn push(&mut self, (at, is_return, op): (u64, bool, usize)) {
        let (node, last) = (self.nodes.len(), self.nodes[END].prev);
        self.nodes.push(Node { next: END, prev: last, at, op, is_return });
        (self.nodes[last].next, self.nodes[END].prev) = (node, node);
        let of = if is_return { &mut self.returns } else { &mut self.calls };
        of[op] = node;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes[END].next == END
    }

    /// The operation called next behind `node` and its node, unless something returns before.
    pub(crate) fn call_behind(&self, node: usize) -> Option<(usize, usize)> {
        let next = self.nodes[node].next;
        let found = self.nodes[next];
        (!found.is_return).then_some((found.op, next))
    }

    /// When the first return is: the end of time in an empty list.
    pub(crate) fn first_return_at(&self) -> u64 {
        let mut node = BEGIN;
        while let Some((_, next)) = self.call_behind(node) {
            node = next;
        }
        self.nodes[self.nodes[node].next].at
    }

    pub(crate) fn lift(&mut self, op: usize) {
        self.unlink(self.calls[op]);
        self.unlink(self.returns[op]);
    }

    /// Undoes the latest lift: nodes remember their neighbours, so the order matters.
    pub(crate) fn drop_back(&mut self, op: usize) {
        self.link(self.returns[op]);
        self.link(self.calls[op]);
    }

    fn unlink(&mut self, node: usize) {
        let Node { next, prev, .. } = self.nodes[node];
        self.nodes[prev].next = next;
        self.nodes[next].prev = prev;
    }

    fn link(&mut self, node: usize) {
        let Node { next, prev, .. } = self.nodes[node];
        self.nodes[prev].next = node;
        self.nodes[next].prev = node;
    }
}
