// In the end all nodes see the same, byte for byte, and see each other alive.

import type { ClusterView } from "../../../../src/crdt/state.js";
import type { World } from "../world.js";
import { BrokenPromise, type Checker } from "./checker.js";

export function viewsConverge(world: World): Checker {
	return {
		look() {},
		conclude() {
			const texts = world.nodes.map(({ daemon }) => (daemon === null ? "down" : textOf(daemon.state.view())));
			for (const [index, text] of texts.entries()) {
				if (text === texts[0]) continue;
				const at = [...text].findIndex((character, place) => character !== texts[0]?.[place]);
				const [first, other] = [texts[0], text].map((one) => one?.slice(Math.max(0, at - 80), at + 120));
				throw new BrokenPromise(`N1 and N${index + 1} differ in the end: …${first}… against …${other}…`);
			}
			for (const one of world.nodes) {
				for (const other of world.nodes) {
					const liveness = one.daemon?.membership.liveness(other.node) ?? "down";
					if (liveness !== "alive")
						throw new BrokenPromise(`in the end ${one.node} takes ${other.node} for ${liveness}`);
				}
			}
		},
	};
}

export function textOf(view: ClusterView): string {
	const { nodes, specs, claims, containers, images } = view;
	return JSON.stringify([[...nodes], [...specs], [...claims], [...containers], images]);
}
