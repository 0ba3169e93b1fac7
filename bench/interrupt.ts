// An interrupted benchmark stops between two measurements and clears up like one that has ended.

export function untilInterrupted(): { readonly signal: AbortSignal; done(): void } {
	const abort = new AbortController();
	const onSignal = () => abort.abort(new Error("interrupted"));
	const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
	for (const name of names) process.on(name, onSignal);
	return {
		signal: abort.signal,
		done() {
			for (const name of names) process.removeListener(name, onSignal);
		},
	};
}
