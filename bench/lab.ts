// Three nodes of our own for a benchmark, gone afterwards also when it is interrupted.

import { type LabStatus, labDown, labUp } from "../src/node/lab/lab.js";
import { untilInterrupted } from "./interrupt.js";

const NODES = 3;

export async function withBenchLab<T>(work: (lab: LabStatus, signal: AbortSignal) => Promise<T>): Promise<T> {
	const name = `bench${process.pid}`;
	const { signal, done } = untilInterrupted();
	try {
		const onProgress = (message: string) => console.error(message);
		return await work(await labUp({ name, nodes: NODES, onProgress, signal }), signal);
	} finally {
		done();
		await labDown({ name });
	}
}
