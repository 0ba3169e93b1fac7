// The beginning of a bulk socket, without the socket: each end sends a hello of 32 bytes and, once it has the other's, a proof of 32 bytes that it knows
// the one-time secret. Must never take in more than those 64 bytes of an end that has not proved itself, or call one proved that has not.

import { timingSafeEqual } from "node:crypto";
import { SwarmError } from "../../errors.js";
import { agreedSecrets, type BulkSide, HELLO_BYTES, makeHello, type OwnHello, PROOF_BYTES } from "./bulk-keys.js";
import type { BulkWays } from "./bulk-order.js";

export type HandshakeNews =
	/** To be sent now. */
	| { readonly kind: "proof"; readonly bytes: Uint8Array }
	/** The peer knows the secret: from here on frames go by these. */
	| { readonly kind: "proved"; readonly ways: BulkWays };

export class BulkHandshake {
	readonly #side: BulkSide;
	/** Needed until the peer's hello is there. */
	readonly #secret: Uint8Array;
	readonly #own: OwnHello = makeHello();
	readonly #held = new Uint8Array(HELLO_BYTES + PROOF_BYTES);
	#heldBytes = 0;
	#agreed: ReturnType<typeof agreedSecrets> | null = null;

	constructor(side: BulkSide, secret: Uint8Array) {
		this.#side = side;
		this.#secret = secret;
	}

	/** To be sent first. */
	get hello(): Uint8Array {
		return this.#own.bytes;
	}

	/** Where the next bytes from the socket go; empty once the peer has proved itself: what comes then is frames. */
	room(): Uint8Array {
		return this.#held.subarray(this.#heldBytes);
	}

	/** So many bytes came into the room. Throws `refused` for a peer that does not know the secret. */
	came(bytes: number): readonly HandshakeNews[] {
		this.#heldBytes += bytes;
		const news: HandshakeNews[] = [];
		if (this.#agreed === null && this.#heldBytes >= HELLO_BYTES) {
			const hello = this.#held.subarray(0, HELLO_BYTES);
			this.#agreed = agreedSecrets(this.#secret, this.#own, { side: this.#side, hello });
			news.push({ kind: "proof", bytes: this.#agreed[this.#side].proof });
		}
		if (this.#agreed !== null && this.#heldBytes === this.#held.length) {
			const [own, peer] = [this.#agreed[this.#side], this.#agreed[this.#side === "dials" ? "listens" : "dials"]];
			if (!timingSafeEqual(peer.proof, this.#held.subarray(HELLO_BYTES)))
				throw new SwarmError("refused", "the peer does not know the secret");
			news.push({ kind: "proved", ways: { out: own.way, in: peer.way } });
		}
		return news;
	}
}
