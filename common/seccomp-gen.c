/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * seccomp-gen [-d] NAME < NAME.seccomp > NAME.bpf.h: turns a list of system
 * calls, each with its reason, into a filter, when berth is built.
 *
 *	default ACTION			# reason
 *	ACTION CALL[?] ... [TEST [&& TEST] ...]	# reason
 *
 * ACTION is allow, kill, trap or "errno ENAME".  CALL is a name, or #NUMBER
 * for one that libseccomp does not know yet; with "?" it is left out where
 * the architecture or libseccomp has none.  TEST is "argN == VALUE" or
 * "argN & MASK == VALUE", on all 64 bits of the argument; VALUE and MASK are
 * numbers and names of this file's table, joined with "|".  The rules of
 * one call are tried in the order of the file, the first that fits decides,
 * and where none fits the default does.  Foreign architectures, x32 among
 * them, are killed.  With -d a default of kill becomes trap, so that a debug
 * build can say what it was refused.
 *
 * The filter is a binary search over ranges of numbers with one fate: it
 * loads in a quarter of the time of a linear one.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULES_MAX	2048
#define TESTS_MAX	4	/* per rule */
#define CALLS_MAX	64	/* per line */
#define PROG_MAX	4096	/* BPF_MAXINSNS */
#define X32_BIT		0x40000000U
/* From here on a number means the same call on every architecture. */
#define UNIFIED_FIRST	424

struct test {
	unsigned int	 arg;
	uint64_t	 mask, value;
};

struct rule {
	int		 nr;
	unsigned int	 order;		/* in the file */
	uint32_t	 action;
	size_t		 ntests;
	struct test	 tests[TESTS_MAX];
};

struct range {			/* numbers from first on, one fate */
	uint32_t	 first;
	uint32_t	 action;	/* when nothing below fits */
	size_t		 rule, nrules;	/* conditional ones */
};

static const struct {
	const char	*name;
	uint64_t	 value;
} constants[] = {
#define C(x)	{ #x, (uint64_t)(x) }
	C(AF_UNSPEC), C(AF_UNIX), C(AF_INET), C(AF_INET6), C(AF_NETLINK),
	C(SOCK_STREAM), C(SOCK_DGRAM), C(SOCK_SEQPACKET), C(SOCK_RAW),
	C(SOCK_CLOEXEC), C(SOCK_NONBLOCK), C(NETLINK_ROUTE),
	C(CLONE_VM), C(CLONE_FS), C(CLONE_THREAD), C(CLONE_VFORK),
	C(CLONE_NEWNS), C(CLONE_NEWUTS), C(CLONE_NEWIPC), C(CLONE_NEWUSER),
	C(CLONE_NEWPID), C(CLONE_NEWNET), C(CLONE_NEWCGROUP),
	{ "CLONE_NEWTIME", 0x80 },
	C(PROT_NONE), C(PROT_READ), C(PROT_WRITE), C(PROT_EXEC),
	C(MAP_SHARED), C(MAP_PRIVATE), C(MAP_ANONYMOUS), C(MAP_FIXED),
	C(F_DUPFD), C(F_DUPFD_CLOEXEC), C(F_GETFD), C(F_SETFD), C(F_GETFL),
	C(F_SETFL), C(F_ADD_SEALS), C(F_GET_SEALS), C(F_SETPIPE_SZ),
	C(O_ACCMODE), C(O_RDONLY), C(O_WRONLY), C(O_RDWR), C(O_CREAT),
	C(S_IFMT), C(S_IFCHR), C(S_IFBLK),
	C(TIOCSTI), C(TIOCLINUX), C(TIOCGWINSZ), C(TCGETS), C(FIONREAD),
	C(SIOCGIFINDEX),
	C(PR_SET_NAME), C(PR_SET_DUMPABLE), C(PR_SET_PDEATHSIG),
#undef C
	{ "INT_MASK", 0xffffffffU }	/* for an argument that is an int */
};

static const struct {
	const char	*name;
	int		 value;
} errnos[] = {
#define E(x)	{ #x, x }
	E(EPERM), E(ENOENT), E(EACCES), E(EINVAL), E(ENOSYS), E(EAGAIN),
	E(EAFNOSUPPORT), E(EOPNOTSUPP), E(ENOTTY), E(EBADF), E(EROFS),
#undef E
};

static struct rule	 rules[RULES_MAX];
static size_t		 nrules;
static struct range	 ranges[2 * RULES_MAX + 2];
static size_t		 nranges;
static struct sock_filter prog[PROG_MAX];
static size_t		 proglen;
static uint32_t		 default_action;
static unsigned int	 have_default, debug, lineno;

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))
#define bad(fmt, ...)	errx(1, "line %u: " fmt, lineno, ##__VA_ARGS__)

/* One number or name of the table. */
static uint64_t
constant(const char *word)
{
	unsigned long long v;
	char		*end;
	size_t		 i;

	for (i = 0; i < NELEM(constants); i++)
		if (strcmp(word, constants[i].name) == 0)
			return (constants[i].value);
	errno = 0;
	v = strtoull(word, &end, 0);
	if (*word < '0' || *word > '9' || *end != '\0' || errno != 0)
		bad("%s: neither a number nor a known constant", word);
	return (v);
}

/* NAME|NAME|0x12 */
static uint64_t
value(char *word)
{
	uint64_t	 v = 0;
	char		*part;

	if (word == NULL)
		bad("a value is missing");
	while ((part = strsep(&word, "|")) != NULL)
		v |= constant(part);
	return (v);
}

static uint32_t
action(const char *word, char **line)
{
	const char	*name;
	size_t		 i;

	if (strcmp(word, "allow") == 0)
		return (SECCOMP_RET_ALLOW);
	if (strcmp(word, "kill") == 0)
		return (SECCOMP_RET_KILL_PROCESS);
	if (strcmp(word, "trap") == 0)
		return (SECCOMP_RET_TRAP);
	if (strcmp(word, "errno") != 0)
		bad("%s: no such action", word);
	if ((name = strtok_r(NULL, " \t", line)) == NULL)
		bad("errno: a name is missing");
	for (i = 0; i < NELEM(errnos); i++)
		if (strcmp(name, errnos[i].name) == 0)
			return (SECCOMP_RET_ERRNO | (uint32_t)errnos[i].value);
	bad("%s: no such errno", name);
}

/* The number of a call; -1 where it is to be left out. */
static int
call(char *word)
{
	size_t		 len = strlen(word);
	int		 nr, maybe = 0;

	if (word[0] == '#') {
		nr = (int)constant(word + 1);
		if (nr < UNIFIED_FIRST)
			bad("%s: below %d numbers differ by architecture",
			    word, UNIFIED_FIRST);
		return (nr);
	}
	if (word[len - 1] == '?') {
		maybe = 1;
		word[len - 1] = '\0';
	}
	nr = seccomp_syscall_resolve_name(word);
	if (nr < 0 && !maybe)
		bad("%s: no such system call here", word);
	return (nr < 0 ? -1 : nr);
}

static void
rule_add(const struct rule *new)
{
	size_t	 i;

	for (i = 0; i < nrules; i++)
		if (rules[i].nr == new->nr && rules[i].ntests == 0)
			bad("call %d: never reached behind an earlier rule",
			    new->nr);
	if (nrules == RULES_MAX)
		bad("too many rules");
	rules[nrules] = *new;
	rules[nrules].order = (unsigned int)nrules;
	nrules++;
}

/* "arg0 == 1" or "arg0 & 3 == 1", word being "arg0"; fills one test. */
static void
test(struct rule *r, const char *word, char **line)
{
	struct test	*t;
	const char	*op;

	if (r->ntests == TESTS_MAX)
		bad("too many tests");
	t = &r->tests[r->ntests++];
	if (strlen(word) != 4 || word[3] < '0' || word[3] > '5')
		bad("%s: arguments are arg0 to arg5", word);
	t->arg = (unsigned int)(word[3] - '0');
	t->mask = UINT64_MAX;
	op = strtok_r(NULL, " \t", line);
	if (op != NULL && strcmp(op, "&") == 0) {
		t->mask = value(strtok_r(NULL, " \t", line));
		op = strtok_r(NULL, " \t", line);
	}
	if (op == NULL || strcmp(op, "==") != 0)
		bad("arg%u: == is missing", t->arg);
	t->value = value(strtok_r(NULL, " \t", line));
	if ((t->value & ~t->mask) != 0)
		bad("arg%u: the mask never lets this value through", t->arg);
}

/* "CALL ... [TEST [&& TEST] ...]" */
static void
rule_parse(uint32_t act, char *line)
{
	struct rule	 r;
	int		 calls[CALLS_MAX];
	size_t		 i, ncalls = 0;
	char		*word;

	memset(&r, 0, sizeof(r));
	r.action = act;
	while ((word = strtok_r(NULL, " \t", &line)) != NULL) {
		if (strncmp(word, "arg", 3) == 0)
			break;
		if (ncalls == CALLS_MAX)
			bad("too many calls on one line");
		calls[ncalls++] = call(word);
	}
	if (ncalls == 0)
		bad("a system call is missing");
	while (word != NULL) {
		test(&r, word, &line);
		if ((word = strtok_r(NULL, " \t", &line)) == NULL)
			break;
		if (strcmp(word, "&&") != 0)
			bad("%s: expected && or the reason", word);
		if ((word = strtok_r(NULL, " \t", &line)) == NULL)
			bad("a test is missing");
	}
	for (i = 0; i < ncalls; i++) {
		if ((r.nr = calls[i]) != -1)
			rule_add(&r);
	}
}

/* Cuts the reason off; -1 when there is nothing before it. */
static int
reason_cut(char *line)
{
	char	*p = line;

	if (line[strspn(line, " \t")] == '\0')
		return (-1);
	/* "#12" is a call by number, any other "#" begins the reason. */
	while ((p = strchr(p, '#')) != NULL && p[1] >= '0' && p[1] <= '9')
		p++;
	if (p == NULL || p[1 + strspn(p + 1, " \t")] == '\0')
		bad("the reason is missing");
	*p = '\0';
	return (line[strspn(line, " \t")] == '\0' ? -1 : 0);
}

static void
parse(FILE *fp)
{
	char		*line = NULL, *word, *rest;
	size_t		 size = 0;
	ssize_t		 len;
	uint32_t	 act;
	int		 is_default;

	while ((len = getline(&line, &size, fp)) != -1) {
		lineno++;
		if (len > 0 && line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (strcmp(line, "#") == 0 || reason_cut(line) == -1)
			continue;
		word = strtok_r(line, " \t", &rest);
		is_default = strcmp(word, "default") == 0;
		if (is_default && have_default++ > 0)
			bad("default: given twice");
		if (is_default &&
		    (word = strtok_r(NULL, " \t", &rest)) == NULL)
			bad("default: an action is missing");
		act = action(word, &rest);
		if (!is_default)
			rule_parse(act, rest);
		else if (strtok_r(NULL, " \t", &rest) != NULL)
			bad("default: takes one action");
		else
			default_action = act;
	}
	free(line);
	if (ferror(fp))
		err(1, "standard input");
	if (!have_default)
		errx(1, "no default");
	if (debug && default_action == SECCOMP_RET_KILL_PROCESS)
		default_action = SECCOMP_RET_TRAP;
}

static int
rule_cmp(const void *a, const void *b)
{
	const struct rule	*x = a, *y = b;

	if (x->nr != y->nr)
		return (x->nr < y->nr ? -1 : 1);
	return (x->order < y->order ? -1 : x->order > y->order);
}

/* Appends a range, or lets the last one go on when the fate is the same. */
static void
range_add(uint32_t first, uint32_t act, size_t rule, size_t n)
{
	struct range	*last = nranges > 0 ? &ranges[nranges - 1] : NULL;

	if (last != NULL && last->first == first)
		nranges--;
	else if (last != NULL && last->nrules == 0 && n == 0 &&
	    last->action == act)
		return;
	last = &ranges[nranges++];
	*last = (struct range){ first, act, rule, n };
	if (nranges > 1 && n == 0 && last[-1].nrules == 0 &&
	    last[-1].action == act)
		nranges--;
}

static void
ranges_make(void)
{
	uint32_t	 act;
	size_t		 i, n;

	qsort(rules, nrules, sizeof(rules[0]), rule_cmp);
	range_add(0, default_action, 0, 0);
	for (i = 0; i < nrules; i += n) {
		act = default_action;
		for (n = 0; i + n < nrules && rules[i + n].nr == rules[i].nr;
		    n++)
			if (rules[i + n].ntests == 0)
				act = rules[i + n].action;
		range_add((uint32_t)rules[i].nr, act, i,
		    n - (rules[i + n - 1].ntests == 0));
		range_add((uint32_t)rules[i].nr + 1, default_action, 0, 0);
	}
}

static void
emit(unsigned int code, size_t jt, size_t jf, uint32_t k)
{
	if (proglen == PROG_MAX)
		errx(1, "the filter has more than %d instructions", PROG_MAX);
	if (jt > UINT8_MAX || jf > UINT8_MAX)
		errx(1, "a jump is too long");
	prog[proglen++] = (struct sock_filter){ (uint16_t)code, (uint8_t)jt,
	    (uint8_t)jf, k };
}

/* Where the high half of an argument lies. */
#define HIGH		(__BYTE_ORDER == __BIG_ENDIAN ? 0U : 4U)
#define LOAD(off)	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(off))
#define RETURN(act)	emit(BPF_RET | BPF_K, 0, 0, (act))

/* Half of an argument.  Returns the jump to patch, or 0. */
static size_t
emit_half(size_t off, uint32_t mask, uint32_t want)
{
	if (mask == 0)
		return (0);
	LOAD(off);
	if (mask != UINT32_MAX)
		emit(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, want);
	return (proglen - 1);
}

static void
emit_rule(const struct rule *r)
{
	const struct test *t;
	size_t		 patch[2 * TESTS_MAX], i, n = 0, off;

	for (i = 0; i < r->ntests; i++) {
		t = &r->tests[i];
		off = offsetof(struct seccomp_data, args) + 8 * t->arg;
		patch[n++] = emit_half(off + HIGH,
		    (uint32_t)(t->mask >> 32), (uint32_t)(t->value >> 32));
		patch[n++] = emit_half(off + 4 - HIGH, (uint32_t)t->mask,
		    (uint32_t)t->value);
	}
	RETURN(r->action);
	for (i = 0; i < n; i++)
		if (patch[i] != 0)
			prog[patch[i]].jf = (uint8_t)(proglen - patch[i] - 1);
}

/* The tree over ranges [lo, hi). */
static void
emit_ranges(size_t lo, size_t hi)
{
	size_t	 at, mid, i;

	if (hi - lo == 1) {
		for (i = 0; i < ranges[lo].nrules; i++)
			emit_rule(&rules[ranges[lo].rule + i]);
		RETURN(ranges[lo].action);
		return;
	}
	mid = lo + (hi - lo) / 2;
	at = proglen;
	/* With a long jump ready; a short one replaces it if it reaches. */
	emit(BPF_JMP | BPF_JGE | BPF_K, 0, 1, ranges[mid].first);
	emit(BPF_JMP | BPF_JA, 0, 0, 0);
	emit_ranges(lo, mid);
	if (proglen - at - 2 <= UINT8_MAX) {
		prog[at].jt = (uint8_t)(proglen - at - 2);
		prog[at].jf = 0;
		memmove(&prog[at + 1], &prog[at + 2],
		    (proglen - at - 2) * sizeof(prog[0]));
		proglen--;
	} else
		prog[at + 1].k = (uint32_t)(proglen - at - 2);
	emit_ranges(mid, hi);
}

static void
compile(void)
{
	LOAD(offsetof(struct seccomp_data, arch));
	emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, seccomp_arch_native());
	RETURN(SECCOMP_RET_KILL_PROCESS);
	LOAD(offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	/* -1 is no x32 call but one that a tracer has cancelled. */
	emit(BPF_JMP | BPF_JGE | BPF_K, 0, 3, X32_BIT);
	emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, UINT32_MAX);
	RETURN(SECCOMP_RET_KILL_PROCESS);
	RETURN(default_action);
#endif
	emit_ranges(0, nranges);
}

int
main(int argc, char **argv)
{
	const char	*name;
	size_t		 i;
	int		 c;

	while ((c = getopt(argc, argv, "d")) == 'd')
		debug = 1;
	if (c != -1 || argc - optind != 1)
		errx(2, "usage: seccomp-gen [-d] NAME < LIST > HEADER");
	name = argv[optind];
	parse(stdin);
	ranges_make();
	compile();
	printf("/* Made from %s.seccomp by seccomp-gen; do not edit. */\n"
	    "#include <linux/filter.h>\n#include <stddef.h>\n\n"
	    "static const struct sock_filter %s_filter[] = {\n", name, name);
	for (i = 0; i < proglen; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", prog[i].code,
		    prog[i].jt, prog[i].jf, prog[i].k);
	printf("};\nstatic const size_t %s_filter_len = %zu;\n", name, proglen);
	if (fflush(stdout) == EOF || ferror(stdout))
		err(1, "standard output");
	return (0);
}
