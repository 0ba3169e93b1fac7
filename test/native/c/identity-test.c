/* Users and groups out of an image's own files, which may hold anything. */
#include <string.h>

#include "harness.h"
#include "init/identity.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "web:x:1000:1001::/srv/web:\n"
			     "homeless:x:5:6:::\n"
			     "bad:x:notanumber:0::/:\n"
			     "last:x:7:8::/last:/bin/sh"; /* no line feed */
static const char group[] = "root:x:0:\nweb:x:1001:\nextra:x:77:web,root\nother:x:78:website\nmore:x:79:a,web\n";

static struct identity found;

static int resolve(const char *user)
{
	struct sw_error error;
	return identity_resolve(user, passwd, group, &found, &error);
}

static void finds_users(void)
{
	CHECK(resolve("") == 0 && found.uid == 0 && found.gid == 0 && strcmp(found.home, "/root") == 0);
	CHECK(found.group_count == 1 && found.groups[0] == 77);
	CHECK(resolve("web") == 0 && found.uid == 1000 && found.gid == 1001 && strcmp(found.home, "/srv/web") == 0);
	CHECK(found.group_count == 2 && found.groups[0] == 77 && found.groups[1] == 79);
	CHECK(resolve("1000") == 0 && found.gid == 1001 && found.group_count == 2);
	CHECK(resolve("4242") == 0 && found.uid == 4242 && found.gid == 0 && found.group_count == 0 &&
	      strcmp(found.home, "/") == 0);
	CHECK(resolve("web:extra") == 0 && found.uid == 1000 && found.gid == 77 && found.group_count == 0);
	CHECK(resolve("12:34") == 0 && found.uid == 12 && found.gid == 34);
	CHECK(resolve("homeless") == 0 && strcmp(found.home, "/") == 0);
	CHECK(resolve("last") == 0 && found.uid == 7 && strcmp(found.home, "/last") == 0);
}

static void refuses_users(void)
{
	CHECK(resolve("nobody") < 0);
	CHECK(resolve("web:nogroup") < 0);
	CHECK(resolve("bad") < 0);
	CHECK(resolve("4294967295") < 0); /* -1: "no change" to setresuid(2) */
	CHECK(resolve("averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryvery"
		      "veryveryveryveryveryverylongname") < 0);
	struct sw_error error;
	CHECK(identity_resolve("0", "", "", &found, &error) == 0 && found.uid == 0);
	CHECK(identity_resolve("root", "", "", &found, &error) < 0);
	CHECK(identity_resolve("", "root:x:0:0", ":::\n\n::", &found, &error) == 0);
}

void run_identity(void)
{
	finds_users();
	refuses_users();
}
