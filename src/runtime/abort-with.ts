// What AbortSignal.any does, for work whose end is known: without weak references, which take longer than a short container.

/** Aborts with the first of the signals, and its reason. Gives the function that ends that. */
export function abortWith(abort: AbortController, signals: readonly AbortSignal[]): () => void {
	const undo = signals.map((signal) => {
		const onAbort = () => abort.abort(signal.reason);
		if (signal.aborted) onAbort();
		else signal.addEventListener("abort", onAbort, { once: true });
		return () => signal.removeEventListener("abort", onAbort);
	});
	return () => {
		for (const step of undo) step();
	};
}
