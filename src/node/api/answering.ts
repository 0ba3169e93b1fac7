// Notices a daemon that takes connections and answers none: stopped by a signal, or hung. The kernel accepts in its place, so a command
// would wait without end. Looks only while an answer is waited for, and never takes a long answer for none. Imports nothing heavy (it is
// on the path of every command).

export interface AnswerLimits {
	/** So long after the call, and again after each look, the daemon is asked. */
	readonly silenceMs: number;
	/** So long it has for the easiest question there is; a machine under load is slow, not hung. */
	readonly pingMs: number;
}

export const ANSWER_LIMITS: AnswerLimits = { silenceMs: 5_000, pingMs: 15_000 };

/** Calls `onSilent` at most once, when a `ping` got no answer in time. Gives the function that ends the watch. */
export function watchAnswers(
	ping: (signal: AbortSignal) => Promise<unknown>,
	{ silenceMs, pingMs }: AnswerLimits,
	onSilent: () => void,
): () => void {
	let timer: NodeJS.Timeout;
	/** Made for a look: most calls are over before there is one. */
	let over: AbortController | null = null;
	const look = async () => {
		over = new AbortController();
		const { signal } = over;
		const late = AbortSignal.timeout(pingMs);
		// Any answer is one, also that the daemon is gone: then the call itself hears of it.
		await ping(AbortSignal.any([late, signal])).catch(() => {});
		if (signal.aborted) return;
		if (late.aborted) onSilent();
		else wait();
	};
	const wait = () => {
		timer = setTimeout(() => void look(), silenceMs).unref();
	};
	wait();
	return () => {
		clearTimeout(timer);
		over?.abort();
	};
}
