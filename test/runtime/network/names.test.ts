import { describe, expect, it } from "vitest";
import { containerIdOf } from "../../../src/model.js";
import { checkAddress, linkNameOf, macOf } from "../../../src/runtime/network/names.js";

const web = containerIdOf("web", 0);

describe("network names", () => {
	it("gives every scope and container a link name that the kernel takes", () => {
		const names = [linkNameOf("a", web), linkNameOf("b", web), linkNameOf("a", containerIdOf("web", 1))];
		expect(new Set(names).size).toBe(3);
		for (const name of names) expect(name).toMatch(/^sw[0-9a-f]{12}$/);
		expect(linkNameOf("a", web)).toBe(names[0]);
	});

	it("derives the MAC from the address, so that both move together", () => {
		expect(macOf("10.99.3.255")).toBe("02:53:0a:63:03:ff");
	});

	it("takes every host address of the network and refuses the gateway, the ends and other networks", () => {
		for (const address of ["10.99.0.2", "10.99.1.0", "10.99.255.254"]) checkAddress(web, address);
		for (const address of ["10.99.0.0", "10.99.0.1", "10.99.255.255", "10.98.0.2", "10.99.0.256", "x", "10.99.0"])
			expect(() => checkAddress(web, address), address).toThrow(expect.objectContaining({ code: "usage" }));
	});
});
