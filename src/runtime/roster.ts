// The containers of this daemon, and the rules that hold for every call on one: its epoch is checked, calls for one container
// take turns, and one that could not be made leaves no trace.

import { renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { asSwarmError, SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";
import { type AssemblyParts, dismantle, endMade, endProcesses, standingKindOf } from "./assembly.js";
import { Container, type ContainerSurroundings } from "./container.js";
import { checkContainerId, containerDirectoryOf } from "./container-directory.js";
import { type Fences, openFences, refuseFenced } from "./fences.js";
import type { ContainerState, CreateRequest } from "./runtime.js";
import { canStand } from "./security/launch-security.js";
import { createTurns } from "./turns.js";
import type { Wanted } from "./warm.js";

export interface RosterOptions {
	/** Holds `containers/` and `fences`. */
	readonly stateDirectory: string;
	readonly parts: AssemblyParts;
	readonly around: ContainerSurroundings;
	/** Gives a container that was made ahead for one like this; null without. */
	readonly takeMade: (wanted: Wanted) => Container | null;
	/** Called when a container is gone. */
	readonly onRemoved: (container: ContainerId) => void;
}

export class Roster {
	readonly containersPath: string;
	readonly #options: RosterOptions;
	readonly #fences: Fences;
	readonly #turns = createTurns();
	readonly #containers = new Map<ContainerId, Container>();
	/** Of containers that are being made, from the call on. */
	readonly #requests = new Set<CreateRequest>();

	constructor(options: RosterOptions) {
		this.#options = options;
		this.containersPath = join(options.stateDirectory, "containers");
		this.#fences = openFences(join(options.stateDirectory, "fences"));
	}

	all(): readonly Container[] {
		return [...this.#containers.values()];
	}

	get(id: ContainerId): Container | null {
		return this.#containers.get(id) ?? null;
	}

	/** That containers have, or will have. */
	addresses(): ReadonlySet<string> {
		const requests = [...this.all().map(({ request }) => request), ...this.#requests];
		return new Set(requests.flatMap(({ address }) => (address === null ? [] : [address])));
	}

	/** `not-found`; `action` is for the message: "start". */
	find(action: string, id: ContainerId): Container {
		const container = this.#containers.get(id);
		if (container !== undefined) return container;
		throw new SwarmError("not-found", `Cannot ${action} ${id}: it is not on this node`, { details: { container: id } });
	}

	/** One that was found on the disk. */
	add(container: Container): void {
		this.#containers.set(container.id, container);
	}

	/** Runs `work` alone on a container, after its epoch was checked and, when it is higher than before, written down. */
	alone<T>(action: string, id: ContainerId, epoch: number, work: (container: Container) => Promise<T>): Promise<T> {
		return this.#turns.take(id, async () => {
			const container = this.#fenced(action, id, epoch);
			if (epoch > container.state.epoch) {
				container.change({ epoch });
				container.save(true);
			}
			return work(container);
		});
	}

	/** Like `alone`, for what only a higher epoch may do: `conflict` for the same one. The epoch is left to `work`. */
	aloneAnew<T>(action: string, id: ContainerId, epoch: number, work: (container: Container) => Promise<T>): Promise<T> {
		return this.#turns.take(id, async () => {
			const container = this.#fenced(action, id, epoch);
			if (epoch > container.state.epoch) return work(container);
			throw new SwarmError("conflict", `Cannot ${action} ${id}: epoch ${epoch} has run already, wanted a higher one`, {
				details: { container: id, epoch },
			});
		});
	}

	/** A container that is not here yet; when `make` throws, every trace of it is removed. `mayStand`: it may be one that stood ready. */
	makeNew(
		action: string,
		request: CreateRequest,
		make: (container: Container) => Promise<void>,
		mayStand = true,
	): Promise<ContainerState> {
		const { container: id, epoch } = request;
		return this.#taking(request, async () => {
			refuseFenced(action, checkContainerId(id), epoch, this.#epochSeen(id));
			const container = await this.#add(action, request, { passing: false, mayStand });
			try {
				await make(container);
			} catch (thrown) {
				await this.destroy(container);
				throw asSwarmError(thrown, `${action} ${id}`);
			}
			return container.state;
		});
	}

	/**
	 * A container that is here only while `work` runs. Nothing that runs outlasts that; what it leaves goes soon after, or with the
	 * next daemon: without a record, that one takes its directory for half made.
	 */
	passing<T>(action: string, request: CreateRequest, work: (container: Container) => Promise<T>): Promise<T> {
		checkContainerId(request.container);
		return this.#taking(request, async () => {
			const container = await this.#add(action, request, { passing: true, mayStand: true });
			let result: T;
			try {
				result = await work(container);
			} catch (thrown) {
				await this.destroy(container);
				throw asSwarmError(thrown, `${action} ${container.id}`);
			}
			await this.#leave(container);
			return result;
		});
	}

	async #taking<T>(request: CreateRequest, work: () => Promise<T>): Promise<T> {
		this.#requests.add(request);
		try {
			return await this.#turns.take(request.container, work);
		} finally {
			this.#requests.delete(request);
		}
	}

	/** Removes it with every trace, and remembers its epoch. Nothing to do for one that is not here. */
	remove(id: ContainerId, epoch: number): Promise<void> {
		return this.#turns.take(id, async () => {
			refuseFenced("remove", checkContainerId(id), epoch, this.#epochSeen(id));
			const container = this.#containers.get(id);
			if (container === undefined) return;
			await this.destroy(container);
			this.#fences.raise(id, epoch);
		});
	}

	/** For one whose turn it is. */
	async destroy(container: Container): Promise<void> {
		await endProcesses(container, this.#options.parts.cgroups);
		await dismantle(container.id, container.directory, this.#options.parts);
		this.#forget(container);
	}

	/** One that has ended. Name and address are free when the caller hears of the end; what else it leaves is nobody's concern. */
	async #leave(container: Container): Promise<void> {
		const { parts } = this.#options;
		if (container.request.address !== null) return this.destroy(container);
		const { path } = container.directory;
		if (dirname(path) === this.containersPath) parts.trash.take(path, container.id);
		// Its monitor, and the mounts that it holds, go with the connection.
		parts.leftovers.add(container.id, () => {
			container.letGo();
			return dismantle(container.id, container.directory, parts);
		});
		this.#forget(container);
	}

	#forget(container: Container): void {
		this.#containers.delete(container.id);
		this.#options.onRemoved(container.id);
	}

	/** Removes what was found of a container without a record. */
	dismantle(id: ContainerId): Promise<void> {
		return dismantle(id, containerDirectoryOf(this.containersPath, id), this.#options.parts);
	}

	/** Resolves when no call is under way or waits. */
	idle(): Promise<void> {
		return this.#turns.idle();
	}

	async #add(
		action: string,
		request: CreateRequest,
		{ passing, mayStand }: { readonly passing: boolean; readonly mayStand: boolean },
	): Promise<Container> {
		const id = request.container;
		const existing = this.#containers.get(id);
		if (existing !== undefined)
			throw new SwarmError("conflict", `Cannot ${action} ${id}: it is here and ${existing.state.phase}, wanted none`);
		await this.#options.parts.leftovers.gone(id);
		const directory = containerDirectoryOf(this.containersPath, id);
		const made = mayStand ? this.#options.takeMade({ ...request, passing }) : null;
		if (made !== null) return this.#takeMade(made, request, passing);
		const { parts, around } = this.#options;
		const kind = mayStand && canStand(request.spec) ? await standingKindOf(id, request.spec, parts) : null;
		const standing = await parts.spares.place(id, directory.path, kind);
		const container = new Container(request, directory, "created", around, { passing });
		this.#containers.set(id, container);
		if (standing !== null) container.takeStanding(standing);
		return container;
	}

	async #takeMade(made: Container, request: CreateRequest, passing: boolean): Promise<Container> {
		const { parts, around } = this.#options;
		// One that passes stays where it was made: nobody looks for it by its name.
		const directory = passing ? made.directory : containerDirectoryOf(this.containersPath, request.container);
		try {
			if (!passing) renameSync(made.directory.path, directory.path);
		} catch (thrown) {
			await endMade(made, parts);
			throw thrown;
		}
		const container = new Container(request, directory, "created", around, { passing });
		this.#containers.set(request.container, container);
		container.takeMade(made);
		return container;
	}

	#fenced(action: string, id: ContainerId, epoch: number): Container {
		const container = this.find(action, id);
		refuseFenced(action, id, epoch, container.state.epoch);
		return container;
	}

	#epochSeen(id: ContainerId): number {
		return this.#containers.get(id)?.state.epoch ?? this.#fences.epochOf(id);
	}
}
