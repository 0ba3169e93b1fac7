import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LabNode, namespacePath, planLab } from "../../src/node/lab/plan.js";
import { layWires, readCuts, removeWires, setCuts } from "../../src/node/lab/wires.js";

const root = process.getuid?.() === 0;
const lab = planLab("wires-test", 3, 254, "/nonexistent");
const [n1, n2, n3] = lab.nodes as [LabNode, LabNode, LabNode];

function namespaces(): readonly string[] {
	const list = spawnSync("ip", ["netns", "list"], { encoding: "utf8" }).stdout.split("\n");
	return list.map((line) => line.split(" ")[0] ?? "").filter((name) => name.includes("wires-test"));
}

/** A node that prints every datagram it gets. */
async function listen(node: LabNode): Promise<{ next(): Promise<string>; end(): Promise<void> }> {
	const program = `
		const socket = require("dgram").createSocket("udp4");
		socket.on("message", (message) => console.log(String(message)));
		socket.bind(9000, () => console.log("listening"));`;
	const child = spawn("nsenter", [`--net=${namespacePath(node.namespace)}`, process.execPath, "-e", program]);
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	await lines.next();
	const closed = once(child, "close");
	return {
		next: async () => (await lines.next()).value ?? "",
		end: async () => {
			child.kill();
			await closed;
		},
	};
}

function send(from: LabNode, to: LabNode, text: string): void {
	const script = `echo -n ${text} > /dev/udp/${to.address}/9000`;
	spawnSync("nsenter", [`--net=${namespacePath(from.namespace)}`, "bash", "-c", script]);
}

describe.skipIf(!root)("the wires of a lab (needs root)", () => {
	beforeAll(() => layWires(lab));
	afterAll(() => removeWires(lab));

	it("connects every node with every other", async () => {
		for (const to of lab.nodes) {
			const listener = await listen(to);
			for (const from of lab.nodes.filter((node) => node !== to)) {
				send(from, to, `from-${from.name}`);
				expect(await listener.next()).toBe(`from-${from.name}`);
			}
			await listener.end();
		}
	});

	it("loses what is cut, in that direction only, until it is healed", async () => {
		await setCuts(lab, [{ from: "n1", to: "n2" }]);
		expect(await readCuts(lab)).toEqual([{ from: "n1", to: "n2" }]);
		const [first, second] = [await listen(n1), await listen(n2)];
		send(n1, n2, "lost");
		send(n3, n2, "through");
		expect(await second.next()).toBe("through");
		send(n2, n1, "back");
		expect(await first.next()).toBe("back");
		await setCuts(lab, []);
		expect(await readCuts(lab)).toEqual([]);
		send(n1, n2, "healed");
		expect(await second.next()).toBe("healed");
		await first.end();
		await second.end();
	});

	it("leaves no namespace behind, and may be told twice", async () => {
		expect(namespaces()).toHaveLength(4);
		await removeWires(lab);
		await removeWires(lab);
		expect(namespaces()).toEqual([]);
	});
});
