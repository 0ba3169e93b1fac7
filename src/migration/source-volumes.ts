// The named volumes of a container that moves, at its source: held from before the copying until the move is over, copied while it runs,
// gone when the target has said that it runs there. Must never let go of data that nobody else has.

import { SwarmError } from "../errors.js";
import { type ContainerId, volumeNamesOf } from "../model.js";
import type { MigrationPorts } from "./ports.js";
import type { MoveIdentity } from "./standing.js";
import type { VolumeSource } from "./volume-packer.js";

/** Over a slow link or to a slow disk, at 2 MB/s at least. */
export const VOLUME_BYTES_PER_MS = 2_000;

export class SourceVolumes {
	readonly #ports: MigrationPorts;
	readonly #identity: MoveIdentity;
	readonly #names: readonly string[];

	constructor(ports: MigrationPorts, identity: MoveIdentity) {
		this.#ports = ports;
		this.#identity = identity;
		const held = ports.runtime.get(identity.container);
		this.#names = held === null ? [] : volumeNamesOf(held.spec);
	}

	/** Throws `conflict` when another container here has come to have one of them. */
	holdAlone(): void {
		const { container } = this.#identity;
		const others = this.#names.flatMap((name) => this.#ports.runtime.volumes.usersOf(name)).filter(isOther(container));
		if (others.length > 0)
			throw new SwarmError("conflict", `Cannot move ${container}: ${others.join(", ")} has a volume of it too`);
		this.hold();
	}

	/** For a move that goes on after a restart. */
	hold(): void {
		this.#ports.runtime.volumes.moves.hold(this.#identity.move, this.#names);
	}

	letGo(): void {
		this.#ports.runtime.volumes.moves.letGo(this.#identity.move);
	}

	sources(): readonly VolumeSource[] {
		return this.#names.map((name) => ({ name, path: this.#ports.runtime.volumes.pathOf(name) }));
	}

	/** Removes the container's copy here, if it is one of this move or before it, and then its volumes. */
	async discard(): Promise<void> {
		const { runtime } = this.#ports;
		const { container, epoch, move } = this.#identity;
		const held = runtime.get(container);
		// A copy of a higher epoch came back meanwhile by another move.
		if (held !== null && held.epoch > epoch) return;
		runtime.volumes.moves.leave(move, this.#names);
		if (held !== null) await runtime.remove(container, held.epoch);
		runtime.volumes.moves.left(move);
	}
}

function isOther(container: ContainerId) {
	return (user: ContainerId) => user !== container;
}
