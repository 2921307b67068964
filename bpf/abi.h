/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the BPF programs and user space: every type and number that crosses the
 * boundary, written once. Keys have no holes: `pad` is named and zero, because the kernel hashes
 * every byte. A change of any layout here raises BH_LAYOUT, which names the pin directory.
 */
#ifndef BH_ABI_H
#define BH_ABI_H

#include <linux/types.h>

#ifndef BH_LAYOUT /* a build for the tests of upgrades says another number */
#define BH_LAYOUT 3
#endif
#define BH_DIGITS_(n) #n
#define BH_DIGITS(n)  BH_DIGITS_(n)
#define BH_PIN_DIR    "/sys/fs/bpf/bulkhead-v" BH_DIGITS(BH_LAYOUT) /* default */

#define BH_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed size")

/* Seen from the pod, as in NetworkPolicy. `from_pod` handles egress, `to_pod` ingress. */
enum bh_dir {
	BH_INGRESS = 0,
	BH_EGRESS = 1,
};

enum bh_action {
	BH_DENY = 0,
	BH_ALLOW = 1,
};

/* Beside BH_ALLOW. */
#define BH_LOG		0x02 /* the flow is reported */
#define BH_AUDIT	0x04 /* it would be denied, by `rule`, were all policies in earnest: reported */
#define BH_HIDES_DENIED 0x08 /* bh_row.action alone: what may hide its port, or who it is, is denied */
#define BH_HIDES_AUDIT	0x10 /* bh_row.action alone: the same, were all policies in earnest */

/*
 * One address of either family, network byte order; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2).
 * A packet that carries such an address in an IPv6 header is malformed, so the two never meet.
 */
struct bh_addr {
	__be32 w[4];
};
BH_ASSERT_SIZE(struct bh_addr, 16);

/* ---- endpoints -------------------------------------------------------------------------- */

/*
 * bh_endpoints is an mmapped array of 2 * BH_EP_DIRECT slots. An interface lives in slot
 * (ifindex & (BH_EP_DIRECT - 1)); where that is taken by another one, in a slot of the upper half
 * that bh_ep_index (ifindex -> slot) names.
 */
#define BH_EP_DIRECT 1024
#define BH_EP_SLOTS  (2 * BH_EP_DIRECT)
#define BH_EP_ADDRS  8

#define BH_EP_FORWARDS 0x01 /* forwards for others (gateway, VM host): no own-address check */
#define BH_EP_ADOPTED  0x02 /* ran before its programs, a moment ago: see decide() in verdict.h */

/*
 * The sets of bh_sess4 or bh_sess6 that are an endpoint's alone: base to base + mask. Changed by one store of
 * eight bytes. None at all: BH_NO_SLICE, 0, where every look-up misses.
 */
struct bh_slice {
	__u32 base, mask; /* mask: a power of two less one */
} __attribute__((aligned(8)));
BH_ASSERT_SIZE(struct bh_slice, 8);
#define BH_NO_SLICE 0xffffffffu

enum bh_family { /* index of bh_endpoint.slice */
		 BH_V4 = 0,
		 BH_V6 = 1,
};

/*
 * One pod interface. Only `policy_set`, `epoch`, `flags` and the slices change while the slot is live, each
 * by one aligned store; all else is written before `ifindex` (stored last at birth, zeroed first at death).
 * An adopted one is born with an epoch past `born`: sessions that the agent stores for the flows it found
 * bear `born`, so that they live and their next packet is decided afresh.
 */
struct bh_endpoint {
	__u32 ifindex;	  /* host side of the pod's veth; 0: free slot */
	__u32 policy_set; /* id and BH_SET_* flags; 0: no policy known yet, only host traffic passes */
	__u32 epoch;	  /* a session stamped with another value is decided afresh */
	__u32 born;	  /* first epoch of this interface: an older session belongs to a dead one */
	__u8 mac[6];	  /* the pod's own */
	__u8 flags;	  /* BH_EP_* */
	__u8 addrs;	  /* how many of addr[] are set */
	struct bh_slice slice[2];  /* by enum bh_family: where sessions are looked for and made */
	struct bh_slice former[2]; /* where they were before the slice grew: asked when `slice` has none */
	__u32 pad[2];
	struct bh_addr addr[BH_EP_ADDRS]; /* the pod's own, link-local ones too */
};
BH_ASSERT_SIZE(struct bh_endpoint, 192);

/* ---- classes ---------------------------------------------------------------------------- */

/*
 * bh_addrs (hash) and bh_cidrs (LPM, asked only when the hash misses and the policy set has CIDR
 * peers) lead to a slot of the mmapped array bh_classes, whose word names the class: so a change of
 * class is one aligned store, never an update of a live key.
 */
#define BH_CLASS_NONE  0	   /* in no peer set at all */
#define BH_CLASS_NODE  0x80000000u /* flag: an address of this node itself */
#define BH_CLASS_ID(w) ((w)&0x7fffffffu)

struct bh_cidr_key {
	__u32 prefixlen;     /* of addr: 0..128; an IPv4 /n is 96 + n */
	struct bh_addr addr; /* host bits zero */
};
BH_ASSERT_SIZE(struct bh_cidr_key, 20);

/* ---- verdict rows ----------------------------------------------------------------------- */

/*
 * Flags in endpoint.policy_set and row keys; they follow from the set's content. Shut in a direction: the
 * row of BH_CLASS_NONE denies all, by no rule; so it is not looked up, which is a quarter of what a denied
 * packet costs.
 */
#define BH_SET_CIDR	 0x80000000u /* has CIDR peers */
#define BH_SET_SHUT(dir) (0x40000000u >> (dir))
#define BH_SET_ID(w)	 ((w)&0x07ffffffu)

/* A row that does not exist is the same as the row of BH_CLASS_NONE, which every policy set has. */
struct bh_row_key {
	__u32 policy_set; /* as in endpoint.policy_set, flags included */
	__u32 class;	  /* without BH_CLASS_NODE */
	__u32 dir;	  /* enum bh_dir */
};
BH_ASSERT_SIZE(struct bh_row_key, 12);

/* What one rule decides, both ends inclusive. */
struct bh_range {
	__u32 first; /* BH_PORT(protocol, port) */
	__u32 last;
	__u32 rule;   /* id of the rule that decided; 0: none */
	__u32 action; /* enum bh_action, BH_LOG, BH_AUDIT */
};
BH_ASSERT_SIZE(struct bh_range, 16);

/* What ranges are about: protocol and port of who is asked; ICMP: type and code, an echo's that of the
 * request; what has neither: 0. */
#define BH_PORT(proto, port)	   ((__u32)(proto) << 16 | (__u16)(port))
#define BH_ICMP(proto, type, code) BH_PORT(proto, (__u16)(type) << 8 | (__u8)(code))

/* A port of this node's addresses of one family. */
#define BH_NODE_PORT(family, proto, port) (((family) == 6 ? 1u << 24 : 0) | BH_PORT(proto, port))

#define BH_ROW_INLINE 4

/* What one policy set says to one class in one direction: disjoint ranges, ascending, and the action of
 * everything else. */
struct bh_row {
	__u32 n;      /* ranges: up to BH_ROW_INLINE in range[], more in bh_ranges from base on */
	__u32 base;   /* index into bh_ranges; 0 if inline */
	__u32 action; /* enum bh_action of what no range holds, and flags */
	__u32 rule;   /* id of the rule behind `action`; 0: none */
	struct bh_range range[BH_ROW_INLINE];
};
BH_ASSERT_SIZE(struct bh_row, 80);

/* ---- sessions --------------------------------------------------------------------------- */

/*
 * One flow of one endpoint; `local` is always the pod's end, so both directions meet in one entry.
 * ICMP echo: lport is the identifier, rport names who asks: BH_ECHO_OUT (the pod) or BH_ECHO_IN.
 */
struct bh_flow6 {
	__u32 ifindex;
	struct bh_addr local, remote;
	__be16 lport, rport;
	__u8 proto, pad[3];
};
BH_ASSERT_SIZE(struct bh_flow6, 44);

#define BH_ECHO_OUT 1 /* host byte order constants, stored by bpf_htons */
#define BH_ECHO_IN  2

/*
 * bh_session.word says whether a line is in use, whose it may be and whether it still holds: the epoch, who
 * opened the flow and BH_SESS_* (written once, when the line is claimed), and a tag out of the flow's hash
 * whose lowest bit is always set. In one word, so that a compare-and-swap that renews the epoch cannot meet
 * other rights. 0: free. BH_SESS_BUSY: being written.
 */
#define BH_SESS_BUSY	    1ull
#define BH_SESS_TAG_SHIFT   39 /* 25 bits: the flow's tag */
#define BH_SESS_FIXED_SHIFT 32 /* 7 bits: what follows */

#define BH_SESS_OPENER 0x01 /* enum bh_dir of who opened it */
#define BH_SESS_HOST   0x02 /* with this node: its to_pod packets must be made by this node */
#define BH_SESS_BOTH   0x04 /* adopted in mid-flow: opener unknown, both directions must allow */
#define BH_SESS_VIA    0x08 /* from a pod behind an address of this node: to_pod packets must be that pod's */

/* bh_session.flags: plain stores, by which no more than time-outs and replacement go. */
#define BH_SESS_REPLIED 0x01 /* the other side has answered */
#define BH_SESS_CUT                                                                                          \
	0x02 /* no longer allowed (UDP, TCP of the adopted): kept, or the answers would open it anew */
#define BH_SESS_FIN(dir)   (0x04 << (dir)) /* this side has said that it ends */
#define BH_SESS_ALIVE(dir) (0x10 << (dir)) /* CLOSED: this side goes on all the same */

enum bh_state {
	BH_NEW = 0,  /* not answered yet */
	BH_ANSWERED, /* TCP alone: answered, but who opened it has not gone on yet */
	BH_ESTABLISHED,
	BH_FIN,	      /* one side has ended */
	BH_TIME_WAIT, /* both have */
	BH_CLOSED,    /* reset; established again once both sides go on */
};

/* How long a session lives without packets: index of bh_meta.life. Names and defaults are those of
 * nf_conntrack's sysctls. X(name, seconds, text) */
/* clang-format off */
#define BH_LIVES(X) \
	X(TCP_SYN_SENT,		120, "tcp_syn_sent") \
	X(TCP_SYN_RECV,		60, "tcp_syn_recv") \
	X(TCP_ESTABLISHED,	432000, "tcp_established") \
	X(TCP_FIN_WAIT,		120, "tcp_fin_wait") \
	X(TCP_TIME_WAIT,	120, "tcp_time_wait") \
	X(TCP_CLOSE,		10, "tcp_close") \
	X(UDP,			30, "udp") \
	X(UDP_STREAM,		120, "udp_stream") \
	X(ICMP,			30, "icmp") \
	X(SCTP_NEW,		3, "sctp_new") \
	X(SCTP_ESTABLISHED,	210, "sctp_established") \
	X(SCTP_SHUTDOWN,	3, "sctp_shutdown") \
	X(FRAGMENT,		30, "fragment") \
	X(CUT,			120, "cut")		/* ours: see BH_SESS_CUT */
/* clang-format on */

#define BH_LIFE_ENUM(name, seconds, text) BH_LIFE_##name,
enum bh_life { BH_LIVES(BH_LIFE_ENUM) BH_LIFE_MAX };
#define BH_LIFE_SLOTS 16

/* One cache line: a session of IPv4, and the head of one of IPv6. */
struct bh_session {
	__u64 word;
	__be32 local, remote; /* IPv4; of IPv6 zero */
	__be16 lport, rport;
	__u8 proto;
	__u8 via[3]; /* BH_SESS_VIA: the low 24 bits of that pod's ifindex */
	__u32 seen;  /* jiffies of the last packet, low 32 bits: compare by subtraction */
	__u32 life;  /* jiffies; over when it was seen longer ago */
	__u32 rule;  /* that allowed it; 0: none was needed */
	__u8 state;  /* enum bh_state */
	__u8 flags;  /* BH_SESS_REPLIED and on */
	__u16 pad2;
	__u32 packets[2]; /* by enum bh_dir; plain adds: two CPUs on one flow may lose a few */
	__u64 bytes[2];
} __attribute__((aligned(8)));
BH_ASSERT_SIZE(struct bh_session, 64);

struct bh_session6 {
	struct bh_session head;
	struct bh_addr local, remote;
	__u32 pad[8];
};
BH_ASSERT_SIZE(struct bh_session6, 128);

/* The value of bh_sess4 and bh_sess6: the lines of which one flow has one. */
#define BH_WAYS 8
struct bh_set4 {
	struct bh_session way[BH_WAYS];
};
BH_ASSERT_SIZE(struct bh_set4, 512);
struct bh_set6 {
	struct bh_session6 way[BH_WAYS];
};
BH_ASSERT_SIZE(struct bh_set6, 1024);

/* ---- reasons ---------------------------------------------------------------------------- */

/*
 * Why a packet passed or was dropped: the one list that programs, counters, events and the CLI share.
 * X(name, action, text)
 */
/* clang-format off */
#define BH_REASONS(X) \
	X(SESSION,	ALLOW, "session")		/* a live session: the hot path */ \
	X(POLICY,	ALLOW, "policy")		/* a new flow that a policy set allows */ \
	X(HOST,		ALLOW, "host")			/* to or from this node itself */ \
	X(NEIGHBOUR,	ALLOW, "neighbour")		/* ARP, neighbour discovery, MLD */ \
	X(OPEN,		ALLOW, "open")			/* allowed without a session: what has no ports, multicast by rule */ \
	X(DENIED,	DENY, "policy-denied")		/* no rule allows it */ \
	X(NO_ENDPOINT,	DENY, "no-endpoint")		/* interface not (yet) known */ \
	X(NO_POLICY,	DENY, "no-policy")		/* pod or namespace not (yet) known: isolated */ \
	X(NO_ROW,	DENY, "no-row")			/* broken table: never expected */ \
	X(NO_SESSION,	DENY, "no-session")		/* mid-flow packet of a flow nobody may re-open */ \
	X(MALFORMED,	DENY, "malformed")		/* truncated, lying lengths, wrong version */ \
	X(SPOOFED_MAC,	DENY, "spoofed-mac")		/* from_pod: source MAC is not the pod's */ \
	X(SPOOFED_ADDR,	DENY, "spoofed-address")	/* from_pod: source address is not the pod's */ \
	X(SPOOFED_ND,	DENY, "spoofed-neighbour")	/* ARP or ND for an address that is not the pod's; RA, redirect */ \
	X(NOT_OURS_MAC,	DENY, "not-own-mac")		/* to_pod: flooded, destination MAC of another */ \
	X(NOT_OURS_ADDR, DENY, "not-own-address")	/* to_pod: destination address of another */ \
	X(FRAGMENT,	DENY, "fragment")		/* from here on, unless it says otherwise: passes where all is \
							 * allowed. A later fragment whose first has not passed */ \
	X(IP_OPTIONS,	DENY, "ip-options")		/* that record the route or times */ \
	X(EXT_HEADER,	DENY, "extension-header")	/* that cannot be walked (never from a pod), or routes on */ \
	X(PROTOCOL,	DENY, "protocol")		/* not TCP, UDP, SCTP or ICMP */ \
	X(ICMP_TYPE,	DENY, "icmp-type")		/* neither echo, an error nor ND */ \
	X(MULTICAST,	DENY, "multicast")		/* and broadcast: no rule allows it */ \
	X(LINK_LOCAL,	DENY, "link-local")		/* fe80::/10 other than ND and MLD */ \
	X(VLAN,		DENY, "vlan")			/* never from a pod */ \
	X(ETHERTYPE,	DENY, "ethertype") \
	X(NODE_OPEN,	ALLOW, "node-open")		/* would be denied: the node was opened in an emergency */ \
	X(LATER,	ALLOW, "later-fragment")	/* of a datagram whose first fragment has passed */ \
	X(RELATED,	ALLOW, "related")		/* an ICMP error about a live session */ \
	X(UNRELATED,	DENY, "icmp-unrelated")		/* an ICMP error about none */ \
	X(SOURCE_ROUTE,	DENY, "source-route")		/* never passes: the addresses are not where it comes from and goes */ \
	X(FRAGMENT_TINY, DENY, "fragment-tiny")		/* the first one is without the whole transport header */ \
	X(FRAGMENT_OVERLAP, DENY, "fragment-overlap")	/* over what was seen or past the end, and all that follows it */ \
	X(AUDITED,	ALLOW, "audited")		/* would be denied, were all policies in earnest */
/* clang-format on */

#define BH_REASON_ENUM(name, action, text) BH_##name,
enum bh_reason { BH_REASONS(BH_REASON_ENUM) BH_REASON_MAX };

/* bh_stats: per CPU, index reason * 2 + dir; after the reasons come these, also * 2 + dir. */
#define BH_STAT_EVENT_LOST	(BH_REASON_MAX)	    /* ring full */
#define BH_STAT_EVENT_THROTTLED (BH_REASON_MAX + 1) /* same flow reported a moment ago */
#define BH_STAT_SESSION_FAILED	(BH_REASON_MAX + 2) /* no room for a session; the packet passed */
#define BH_STAT_SESSION_ADOPTED (BH_REASON_MAX + 3) /* mid-flow TCP that both directions allow */
#define BH_STAT_SESSION_REDONE	(BH_REASON_MAX + 4) /* epoch was older: decided afresh */
#define BH_STAT_SESSION_GRACE                                                                                \
	(BH_REASON_MAX + 5) /* the same of an adopted pod, that one direction allows                         \
			     */
#define BH_STAT_MAX (BH_REASON_MAX + 6)

struct bh_count { /* also the value of bh_rules: decisions, not packets of live sessions */
	__u64 packets, bytes;
};
BH_ASSERT_SIZE(struct bh_count, 16);

/* bh_ep_stats: per CPU, index: the endpoint's slot. A packet of a live session counts in `hot` alone: the
 * node's count of BH_SESSION is their sum, and what bh_stats keeps of endpoints that are gone. */
struct bh_ep_stat {
	struct bh_count hot[2];		 /* by enum bh_dir */
	__u64 packets[BH_REASON_MAX][2]; /* by reason and enum bh_dir; not BH_SESSION */
	__u64 opened;			 /* sessions */
	__u64 evicted_new, evicted_live; /* that had to make room: not answered or ended, and established */
	__u64 redone;			 /* of `hot`: decided afresh, since the epoch was older */
};

/* ---- events ----------------------------------------------------------------------------- */

/* One per flow that is denied, audited or to be logged, at most every EVENT_SECONDS (dataplane/open.c).
 * Spoofed and flooded packets make none. */
struct bh_event {
	__u64 ns; /* CLOCK_MONOTONIC */
	__u32 ifindex;
	__u32 policy_set; /* of the endpoint */
	__u32 class;	  /* of the remote */
	__u32 rule;	  /* 0: none */
	struct bh_addr local, remote;
	__be16 lport, rport; /* 0 where not parsed */
	__u8 proto;
	__u8 dir; /* enum bh_dir of the policy that denied; the packet may have gone the other way */
	__u8 reason, pad;
	__u32 len; /* of the packet, bytes */
	__u32 pad2;
};
BH_ASSERT_SIZE(struct bh_event, 72);

#define BH_EVENT_SLOTS 16384 /* throttle: direct-mapped by flow hash, see maps.h */

/* ---- identities ------------------------------------------------------------------------- */

/* bh_ids: what an id means, so that a restarted agent can go on with what is pinned. */
enum bh_id_kind {
	BH_ID_CLASS = 1,
	BH_ID_SET = 2,	 /* id with BH_SET_* flags */
	BH_ID_SLICE = 3, /* id: base in bh_ranges */
	BH_ID_RULE = 4,	 /* id: index into bh_rules */
};

struct bh_id_key {
	__u32 kind;
	__u32 id;
};
BH_ASSERT_SIZE(struct bh_id_key, 8);

struct bh_id {
	__u8 hash[16]; /* of the content */
	__u32 len;     /* BH_ID_SLICE: ranges */
	__u32 pad;
};
BH_ASSERT_SIZE(struct bh_id, 24);

/* ---- one-off state ---------------------------------------------------------------------- */

#define BH_MAGIC 0x42554c4bu /* "BULK" */

/* bh_meta[0], mmapped. Up to and with `open` it is the same in every layout: programs and agents of others
 * ask it. */
struct bh_meta {
	__u32 magic, layout;
	__u32 epoch;	     /* last epoch given to any endpoint: the agent counts on from here */
	__u32 event_jiffies; /* least distance of two events of one flow; set by the agent */
	__u32 open; /* not 0: nothing is denied; set by `bulkhead-agent node open` and by the agent */
	__u32 pad;
	__u64 seed;		   /* of the sessions' hash, drawn when the maps are made; never 0 */
	__u32 life[BH_LIFE_SLOTS]; /* jiffies, by enum bh_life; set by the agent */
	__u32 pad2[8];
};
BH_ASSERT_SIZE(struct bh_meta, 128);

/* ---- asking the program ----------------------------------------------------------------- */

/*
 * The packet of a test run of bh_explain: this struct behind an Ethernet header of type
 * BH_QUERY_ETHERTYPE. The answer is written in place; nothing is counted, stored or reported.
 */
#define BH_QUERY_ETHERTYPE 0x88b5 /* IEEE 802 local experimental */

#define BH_Q_HOST_MADE 0x01 /* take the packet as made by this node */
#define BH_Q_MIDFLOW   0x02 /* not the first packet of a flow: TCP without SYN, echo reply */
#define BH_Q_ICMP      0x04 /* ICMP, but no echo and no neighbour message: rport is its type and code */

struct bh_query {
	__u32 ifindex;
	struct bh_addr local, remote;
	__be16 lport, rport;
	__u8 proto, dir, flags, pad;
	/* the answer */
	__u32 reason; /* enum bh_reason */
	__u32 rule, policy_set, class;
	__u32 jiffies; /* now: what bh_session.seen is compared with */
};
BH_ASSERT_SIZE(struct bh_query, 64);

#endif
