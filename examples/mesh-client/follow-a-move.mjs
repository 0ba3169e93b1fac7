// A program that is no member of the cluster, only holds a capability: deploys a container, follows it live while it moves to another node,
// reads its log, and is refused what its capability lacks.
//
//   export SWARM_CAPABILITY=$(swarm capability create --verbs list,watch,deploy,logs,migrate,remove --labels app=example)
//   npm install stratoswarm      (or: npm link stratoswarm, from a checkout)
//   node follow-a-move.mjs

import { connect } from "stratoswarm";

const name = `example-${process.pid}`;
const counter = "n=0; while :; do n=$((n+1)); echo count $n; sleep 0.2; done";

const swarm = await connect(process.env.SWARM_CAPABILITY ?? "");
const done = new AbortController();
try {
	console.log("nodes:", (await swarm.nodes()).map((node) => `${node.name} ${node.liveness}`).join(", "));

	const { containers } = await swarm.deploy({
		name,
		command: ["sh", "-c", counter],
		labels: { app: "example" },
		resources: { memoryBytes: 64 * 1024 * 1024, cpus: 0.2 },
	});
	const from = containers[0]?.node;
	console.log(`deployed: ${name}.0 on ${from}`);

	const following = follow(`${name}.0`, done.signal);
	await printLog(3);

	const target = (await swarm.nodes()).find((node) => node.name !== from && node.liveness === "alive");
	if (target === undefined) console.log("no other node: nowhere to move to");
	else {
		const move = await swarm.migrate(`${name}.0`, target.name);
		console.log(`moved: to ${target.name}, downtime ${Math.round(move.downtimeMs)} ms`);
		await printLog(3);
	}

	const refusal = await swarm.exec(`${name}.0`, ["hostname"]).catch((error) => error);
	console.log(`refused: ${refusal.code}: ${refusal.message}`);

	await swarm.remove(name);
	done.abort();
	await following;
	console.log("removed");
} finally {
	await swarm.close();
}

/** One line for each node or phase that the container is seen in. */
async function follow(container, signal) {
	let last = "";
	for await (const view of swarm.watch({ signal })) {
		const row = view.containers.get(container);
		const now = row === undefined ? "gone" : `${row.phase} on ${row.node}`;
		if (now !== last) console.log(`watched: ${container} ${now}`);
		last = now;
	}
}

/** The next lines of its log. Leaving the loop ends the log at the node, too. */
async function printLog(count) {
	let left = count;
	for await (const line of swarm.logs(`${name}.0`, { follow: true, tail: 1 })) {
		console.log(`log: ${line.text}`);
		left -= 1;
		if (left === 0) break;
	}
}
