import { describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { containerDirectoryOf } from "../../src/runtime/container-directory.js";
import { execArguments } from "../../src/runtime/exec.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import { launchConfigOf, resolvConfOf } from "../../src/runtime/launch-config.js";
import { createRequest } from "../support/create-request.js";

const web = containerIdOf("web", 0);
const place = {
	directory: containerDirectoryOf("/state/containers", web),
	cgroup: { unified: "/cg2/web.0", legacy: ["/cg1/pids/web.0"], memory: null },
	netnsPath: null,
	resolvConf: "nameserver 9.9.9.9\n",
	passing: false,
	devices: [],
	firstId: null,
	volumeDirectory: (name: string) => `/state/volumes/${name}`,
	programOf: () => "/state/seccomp/profile.bpf",
};

describe("launch configuration", () => {
	it("runs the image's entrypoint and command unless the spec has a command of its own", () => {
		const image = { entrypoint: ["/entry"], command: ["serve"] };
		expect(launchConfigOf(createRequest(web, { imageConfig: image, command: null }), 1, place).args).toEqual([
			"/entry",
			"serve",
		]);
		expect(launchConfigOf(createRequest(web, { imageConfig: image, command: ["/own"] }), 1, place).args).toEqual([
			"/own",
		]);
	});

	it("refuses an image without a program when the spec names none", () => {
		const request = createRequest(web, { command: null });
		expect(() => launchConfigOf(request, 1, place)).toThrow(/names no program/);
	});

	it("lets the spec's environment, directory and user go before the image's", () => {
		const imageConfig = { env: { A: "image", B: "image" }, workdir: "/image", user: "image" };
		const own = createRequest(web, { imageConfig, env: { A: "spec" }, workdir: "/spec", user: "spec" });
		const image = createRequest(web, { imageConfig });
		expect(launchConfigOf(own, 1, place)).toMatchObject({
			env: { A: "spec", B: "image" },
			workdir: "/spec",
			user: "spec",
		});
		expect(launchConfigOf(image, 1, place)).toMatchObject({ workdir: "/image", user: "image" });
	});

	it("uses the empty lower directory for an image without layers", () => {
		expect(launchConfigOf(createRequest(web, {}), 1, place).lowerDirectories).toEqual([
			"/state/containers/web.0/lower",
		]);
	});

	it("tells the container its own name, address and name servers", () => {
		const request = createRequest(web, { address: "10.99.0.7" });
		const files = Object.fromEntries(
			launchConfigOf(request, 2, place).files.map(({ path, content }) => [path, content]),
		);
		expect(files["/etc/hosts"]).toContain("10.99.0.7 web.0\n");
		expect(files["/etc/hostname"]).toBe("web.0\n");
		expect(files["/etc/resolv.conf"]).toBe("nameserver 9.9.9.9\n");
	});

	it("takes systemd-resolved's own list when the host names only its loopback stub", () => {
		expect(resolvConfOf("nameserver 127.0.0.53\noptions edns0\n", "nameserver 1.2.3.4\n")).toBe("nameserver 1.2.3.4\n");
		expect(resolvConfOf("nameserver 5.6.7.8\n", "nameserver 1.2.3.4\n")).toBe("nameserver 5.6.7.8\n");
		expect(resolvConfOf("nameserver ::1\nsearch lab\n", null)).toBe("search lab\n");
	});

	it("builds the command line of an exec with the command behind the options", () => {
		const command = ["ls", "--user"];
		const terminal = { rows: 24, columns: 80 };
		const request = { ...plainExec(command), env: { A: "1" }, workdir: "/w", user: "u", terminal };
		expect(execArguments("/d", 7, request, true)).toEqual([
			"/d",
			"--pid",
			"7",
			"--user",
			"u",
			"--workdir",
			"/w",
			"--terminal",
			"24x80",
			"--next",
			"yes",
			"--env",
			"A=1",
			"--",
			"ls",
			"--user",
		]);
		expect(() => execArguments("/d", 7, { ...request, command: [] }, false)).toThrow(/wanted a program/);
	});
});
