// Turns of the exchanges with several peers, so that what one of them is just sending is not asked of all the others, too: a newcomer would
// get the whole state once from every member. Must never: let two nodes wait for each other, or hold an exchange up for long.
//
// Who opens an exchange waits while another one has asked or brings something; who answers one waits only while something really comes,
// which depends on nobody who waits. So there is no circle.

import type { Clock } from "../clock.js";

/** A peer that does not answer holds the next exchange up for so long. */
export const ASKED_MS_MAX = 500;
/** One that brings something: the others begin beside it then. */
export const BRINGING_MS_MAX = 5_000;
/** The peer whose exchange is to be answered has a limit of time of its own. */
export const ANSWER_WAIT_MS_MAX = 2_000;

export interface Turn {
	/** The peer has told what it holds: whether anything will come. */
	heard(bringsNews: boolean): void;
	end(): void;
}

export interface ExchangeTurns {
	/** Before this node tells what it holds. Rejects with the signal's reason. */
	begin(side: Side, signal: AbortSignal): Promise<Turn>;
}

type Side = "opening" | "answering";

interface Waiting {
	readonly side: Side;
	readonly go: () => void;
}

export function createExchangeTurns(clock: Clock): ExchangeTurns {
	const underWay = new Map<symbol, "asked" | "bringing">();
	const waiting = new Set<Waiting>();

	const mayBegin = (side: Side) => {
		const phases = [...underWay.values()];
		return side === "opening" ? phases.length === 0 : !phases.includes("bringing");
	};

	/** In the order of coming: each one that begins may hold up those behind it. */
	const look = () => {
		for (const one of [...waiting]) if (mayBegin(one.side)) one.go();
	};

	const enter = (): Turn => {
		const id = Symbol("turn");
		const end = () => {
			cancel();
			if (underWay.delete(id)) look();
		};
		let cancel = clock.after(ASKED_MS_MAX, end);
		underWay.set(id, "asked");
		return {
			heard(bringsNews) {
				if (!bringsNews) end();
				if (!underWay.has(id)) return;
				cancel();
				cancel = clock.after(BRINGING_MS_MAX, end);
				underWay.set(id, "bringing");
			},
			end,
		};
	};

	return {
		async begin(side, signal) {
			signal.throwIfAborted();
			if (mayBegin(side)) return enter();
			const { promise, resolve, reject } = Promise.withResolvers<Turn>();
			const own: Waiting = {
				side,
				go() {
					if (waiting.delete(own)) resolve(enter());
				},
			};
			const onAbort = () => reject(signal.reason);
			const cancel = side === "answering" ? clock.after(ANSWER_WAIT_MS_MAX, own.go) : () => {};
			signal.addEventListener("abort", onAbort, { once: true });
			waiting.add(own);
			try {
				return await promise;
			} finally {
				waiting.delete(own);
				signal.removeEventListener("abort", onAbort);
				cancel();
			}
		},
	};
}
