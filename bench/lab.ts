// Three nodes of our own for a benchmark, gone afterwards also when it is interrupted.

import { type LabStatus, labDown, labUp } from "../src/node/lab/lab.js";

const NODES = 3;

export async function withBenchLab<T>(work: (lab: LabStatus, signal: AbortSignal) => Promise<T>): Promise<T> {
	const name = `bench${process.pid}`;
	const abort = new AbortController();
	const onSignal = () => abort.abort(new Error("interrupted"));
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
	try {
		const onProgress = (message: string) => console.error(message);
		return await work(await labUp({ name, nodes: NODES, onProgress, signal: abort.signal }), abort.signal);
	} finally {
		await labDown({ name });
	}
}
