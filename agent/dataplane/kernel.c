/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel must have and an old one has not: tried, once the programs were refused. */
#include "dataplane/dp_internal.h"

#include <errno.h>
#include <linux/bpf.h>

#include "util/scope.h"

/* Linux 5.12 has it, together with the pointers as arguments of global functions that the programs are made
 * of, for which there is no test as small. */
static bool has_cmpxchg(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW,
		  .dst_reg = BPF_REG_10,
		  .src_reg = BPF_REG_0,
		  .off = -8 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW,
		  .dst_reg = BPF_REG_10,
		  .src_reg = BPF_REG_1,
		  .off = -8,
		  .imm = BPF_CMPXCHG },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	auto_fd int fd =
		bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bh_cmpxchg", "GPL", insns, ARRAY_SIZE(insns), NULL);

	return fd >= 0 || fd == -EPERM;
}

const char *kernel_lacks(void)
{
	return has_cmpxchg() ? NULL : "compare-and-swap in BPF programs (Linux 5.12)";
}
