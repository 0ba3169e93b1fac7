// What a reader may ask: it sees the state of the cluster, and changes nothing but itself. Pure.

/** Of other nodes. What containers hold (logs, files, memory, images) is no state. */
const askable = patterns([
	"/v1/ping",
	"/v1/nodes",
	"/v1/nodes/:",
	"/v1/containers",
	"/v1/containers/:",
	"/v1/containers/:/runtime",
	"/v1/workloads/:/explain",
	"/v1/stats",
	"/v1/images",
	"/v1/volumes",
	"/v1/volumes/:",
	"/v1/events",
	"/v1/rtt",
	"/v1/watch",
	"/v1/watch/documents",
]);
/** Changes of the node itself. */
const ownChanges = patterns(["/v1/node/stop", "/v1/node/leave", "/v1/nodes/:/rename"]);

function patterns(paths: readonly string[]): readonly RegExp[] {
	return paths.map((path) => new RegExp(`^${path.replaceAll(":", "[^/]+")}$`));
}

interface Asked {
	readonly method: string;
	readonly path: string;
}

/** Whether a node answers a reader that asks this. */
export function readerMayAsk({ method, path }: Asked): boolean {
	return method === "GET" && askable.some((pattern) => pattern.test(path));
}

/** Whether a node that is a reader does this for whoever asks it. */
export function readerDoes({ method, path }: Asked): boolean {
	return method === "GET" || ownChanges.some((pattern) => pattern.test(path));
}
