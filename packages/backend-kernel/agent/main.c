// SPDX-License-Identifier: MIT
/*
 * hmm-agent: the processes whose memory the kernel backend mirrors.
 *
 *	hmm-agent [--no-bind]
 *
 * Started by Node with the protocol on stdin and stdout and the module's context as descriptor 3.
 * --no-bind: without the module, for tests of the protocol.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

struct options options = { .bind = true };

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	uint32_t process = 0, request = 0;

	options.program = argv[0];
	if ((uint64_t)(uintptr_t)&main >= WINDOW_START) {
		fprintf(stderr, "hmm-agent: built at a moving address: link with -static -no-pie\n");
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--no-bind") == 0) {
			options.bind = false;
		} else if (strcmp(argv[i], "--resume") == 0 && i + 2 < argc) {
			process = number(argv[++i]);
			request = number(argv[++i]);
		} else if (strcmp(argv[i], "--version") == 0) {
			printf("hmm-agent protocol %u\n", AGENT_PROTOCOL);
			return 0;
		} else {
			fprintf(stderr, "hmm-agent: unknown option %s\n", argv[i]);
			return 1;
		}
	}
	if (process != 0)
		process_resume(process, request);
	return supervise();
}
