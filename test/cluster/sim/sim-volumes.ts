// Named volumes of a simulated machine: names that outlive daemons and containers, without contents.

import { SwarmError } from "../../../src/errors.js";
import { volumeNamesOf } from "../../../src/model.js";
import type { VolumeState, Volumes } from "../../../src/runtime/volumes/volumes.js";
import type { SimMachine } from "./sim-machine.js";

export function openSimVolumes(machine: Pick<SimMachine, "volumes" | "containers">, nowMs: () => number): Volumes {
	const { volumes, containers } = machine;
	const listeners = new Set<() => void>();
	const changed = () => {
		for (const listener of [...listeners]) listener();
	};
	const usersOf = (name: string) =>
		[...containers.values()].flatMap(({ request: { spec, container } }) =>
			volumeNamesOf(spec).includes(name) ? [container] : [],
		);
	return {
		list: () => [...volumes.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
		get: (name) => volumes.get(name) ?? null,
		usersOf,
		create(name, labels) {
			if (volumes.has(name)) throw new SwarmError("conflict", `Cannot create the volume ${name}: it is here`);
			const volume: VolumeState = { name, labels, createdAtMs: nowMs() };
			volumes.set(name, volume);
			changed();
			return volume;
		},
		remove(name) {
			if (usersOf(name).length > 0) throw new SwarmError("conflict", `Cannot remove the volume ${name}: it is in use`);
			volumes.delete(name);
			changed();
		},
		measure: async () => 0,
		pathOf: (name) => `volume ${name}`,
		moves: {
			hold() {},
			letGo() {},
			leave() {},
			left() {},
			incoming: (move, name) => `volume ${name} of ${move}`,
			async arrive() {},
			settle() {},
			discard() {},
			list: () => new Map(),
		},
		subscribe(listener) {
			const own = () => listener();
			listeners.add(own);
			return () => void listeners.delete(own);
		},
	};
}
