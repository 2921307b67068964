/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with chains. The hash is SipHash-2-4 (Aumasson and Bernstein, 2012) with a key of this process
 * alone: who chooses labels must not be able to choose their chain.
 */
#include "util/intern.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/hash.h"

#define SLOTS_MIN 256

struct item {
	struct item *next;
	uint64_t hash;
	uint32_t refs, len;
	char bytes[] __attribute__((aligned(8)));
};

/* As many slots as items at least, but for the last few. */
static struct {
	struct item **slots;
	size_t size, n;
	uint8_t key[16];
} table;

static struct item *item_of(const void *p)
{
	return (struct item *)((char *)(uintptr_t)p - offsetof(struct item, bytes));
}

/* Return: whether there is a table. Without memory an old one goes on, only slower. */
static int resize(size_t size)
{
	struct item **slots = calloc(size, sizeof(struct item *));
	size_t i;

	if (!slots)
		return table.slots != NULL;
	for (i = 0; i < table.size; i++) {
		struct item *it = table.slots[i], *next;

		for (; it; it = next) {
			next = it->next;
			it->next = slots[it->hash % size];
			slots[it->hash % size] = it;
		}
	}
	free(table.slots);
	table.slots = slots;
	table.size = size;
	return 1;
}

static int make_room(void)
{
	if (!table.slots) {
		if (getrandom(table.key, sizeof(table.key), GRND_NONBLOCK) < 0)
			memset(table.key, 0,
			       sizeof(table.key)); /* early in a boot: a key that may be known */
		return resize(SLOTS_MIN);
	}
	return table.n < table.size || resize(2 * table.size);
}

static struct item *add(const void *bytes, size_t len, uint64_t hash)
{
	struct item *it = malloc(sizeof(*it) + len);

	if (!it)
		return NULL;
	*it = (struct item){ .hash = hash, .refs = 1, .len = (uint32_t)len };
	it->next = table.slots[hash % table.size];
	memcpy(it->bytes, bytes, len);
	table.slots[hash % table.size] = it;
	table.n++;
	return it;
}

const void *intern(const void *bytes, size_t len)
{
	struct item *it;
	uint64_t hash;

	if (len > UINT32_MAX || !make_room())
		return NULL;
	hash = hash64_keyed(table.key, bytes, len);
	for (it = table.slots[hash % table.size]; it; it = it->next)
		if (it->hash == hash && it->len == len && !memcmp(it->bytes, bytes, len))
			return intern_again(it->bytes);
	it = add(bytes, len, hash);
	return it ? it->bytes : NULL;
}

const char *intern_text(const char *text)
{
	return intern(text, strlen(text) + 1);
}

const void *intern_again(const void *p)
{
	item_of(p)->refs++;
	return p;
}

unsigned int intern_refs(const void *p)
{
	return item_of(p)->refs;
}

static void forget(struct item *it)
{
	struct item **at = &table.slots[it->hash % table.size];

	while (*at != it)
		at = &(*at)->next;
	*at = it->next;
	free(it);
	if (--table.n)
		return;
	free(table.slots);
	table.slots = NULL;
	table.size = 0;
}

void intern_drop(const void *p)
{
	if (p && !--item_of(p)->refs)
		forget(item_of(p));
}
