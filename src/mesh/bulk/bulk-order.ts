// What the daemon's thread and the thread of bulk sockets say to each other, and the limits of one socket. The bytes themselves lie in memory
// that both share, so that nothing is made, and nothing left to be collected, for each piece. They lie there as frames (bulk-frames.ts): the daemon's
// thread seals and opens them where it would have to copy them anyway, the other one has the sockets.

/** Of the memory for what is sent: so many pieces of that size may be on their way. */
export const BULK_SLOTS = 8;
/** Handed on together where there are so many: each hand-over costs both threads, and the kernel, as much as the sealing of a third of a piece. */
export const BULK_SLOTS_TOGETHER = BULK_SLOTS / 2;
/** Room for a chunk of a move with its header: the text of one frame at most. */
export const BULK_PIECE_BYTES = 260 * 1024;
/** Before the text of a frame: its length. */
export const HEAD_BYTES = 4;
/** After the text: that of AES-OCB. */
export const BULK_TAG_BYTES = 16;
/** Of a frame, beside its text. */
export const FRAME_EXTRA_BYTES = HEAD_BYTES + BULK_TAG_BYTES;
/** Where the text lies in a slot: aligned, with room for the head before it. */
export const BULK_TEXT_AT = 64;
/** With that room, and some for the tag. */
export const BULK_SLOT_BYTES = BULK_TEXT_AT + BULK_PIECE_BYTES + 64;
/** Arrived and not yet taken by the reader: then the socket is not read any more. */
export const BULK_UNREAD_BYTES_MAX = 2 * 1024 * 1024;
/** Of one read. */
export const BULK_READ_BYTES_MAX = 256 * 1024;
/** The ring for what arrives: on top there is room for the read after which reading stops. */
export const BULK_RING_BYTES = BULK_UNREAD_BYTES_MAX + BULK_READ_BYTES_MAX;
/** Connections that a listener has at once, until the first one proved that it knows the secret. */
export const BULK_KNOCKS_MAX = 4;
/** A firewall that drops packets is found out after this long. */
export const BULK_CONNECT_MS_MAX = 1_500;
export const BULK_HANDSHAKE_MS_MAX = 5_000;
/** Of the one-time secret of a transfer. */
export const BULK_SECRET_BYTES = 32;

/** `id` names one socket. */
export type BulkOrder =
	/** The side that sends the bulk listens: only one that dials can read into memory of its own. */
	| { readonly kind: "listen"; readonly id: number; readonly host: string; readonly with: BulkEnds }
	| {
			readonly kind: "dial";
			readonly id: number;
			readonly host: string;
			readonly port: number;
			readonly with: BulkEnds;
	  }
	/** These go out one after the other, in one call of the kernel as far as it takes them. */
	| { readonly kind: "write"; readonly id: number; readonly frames: readonly SlotFrame[] }
	/** So many bytes of the ring were opened. */
	| { readonly kind: "took"; readonly id: number; readonly bytes: number }
	/** Nothing more is to be written: ends after the last byte. */
	| { readonly kind: "finish"; readonly id: number }
	| { readonly kind: "cut"; readonly id: number };

/** A frame with so many bytes of text lies in the slot. */
export interface SlotFrame {
	readonly slot: number;
	readonly length: number;
}

export interface BulkEnds {
	readonly secret: Uint8Array;
	/** BULK_SLOTS × BULK_SLOT_BYTES, for what is sent. */
	readonly slots: SharedArrayBuffer;
	/** BULK_RING_BYTES, for what arrives: byte n of the stream lies at n modulo its length. */
	readonly ring: SharedArrayBuffer;
}

/** From which the keys of the frames come that go out, and of those that come in. */
export interface BulkWays {
	readonly out: Uint8Array;
	readonly in: Uint8Array;
}

export type BulkReport =
	| { readonly kind: "listening"; readonly id: number; readonly port: number }
	/** The peer knows the secret. */
	| { readonly kind: "connected"; readonly id: number; readonly ways: BulkWays }
	/** So many more lie in the ring. */
	| { readonly kind: "bytes"; readonly id: number; readonly bytes: number }
	/** The slots are free again. */
	| { readonly kind: "wrote"; readonly id: number; readonly slots: readonly number[] }
	/** The last one of a socket; null when it ended well. */
	| { readonly kind: "gone"; readonly id: number; readonly reason: string | null };
