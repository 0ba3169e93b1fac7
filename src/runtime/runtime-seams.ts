// How checkpoint/ reaches the containers of a runtime (seams.ts): the same roster, parts and rules as for every other call.

import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import { type AssemblyParts, connectStanding, getsNetworkLater, makeSurroundings, moveFilesIn } from "./assembly.js";
import type { Roster } from "./roster.js";
import type { ContainerState } from "./runtime.js";
import type { RuntimeSeams } from "./seams.js";

export interface SeamsInit {
	readonly parts: AssemblyParts;
	readonly roster: Roster;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly announce: (state: ContainerState) => void;
}

export function createSeams({ parts, roster, clock, logger, announce }: SeamsInit): RuntimeSeams {
	const { native, paths, cgroups, network, volumes } = parts;
	return {
		...{ native, paths, clock, logger, cgroups, network, volumes },
		find: (id) => roster.find("find", id),
		exclusive: (action, id, epoch, work) => roster.alone(action, id, epoch, work),
		async connect(container, msMax, signal) {
			if (getsNetworkLater(container))
				await connectStanding(container, parts, signal, { action: "restore", msMax, up: false });
		},
		restoring(request, mapped, signal, work) {
			const make: Parameters<Roster["makeNew"]>[2] = async (container) => {
				container.adopt("restoring", { ...request.source, move: request.move });
				moveFilesIn(container.directory, request);
				await makeSurroundings(container, parts, signal, { mapped });
				container.save(true);
				await work(container);
				announce(container.state);
			};
			return roster.makeNew("restore", request.create, make, false);
		},
	};
}
