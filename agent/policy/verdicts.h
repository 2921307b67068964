/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind policy_rows() share: line.c (what the rules that hold say about every port),
 * verdicts.c (which rules hold for whom) and service_rows.c (what follows for Services).
 */
#ifndef BH_POLICY_VERDICTS_H
#define BH_POLICY_VERDICTS_H

#include "policy/build.h"
#include "policy/ranges.h"

/* What of a rule's ports holds for the class at hand. Egress by a block does not ask pods for names. */
enum { HOLDS_NUMBERS = 1, HOLDS_NAMES = 2, HOLDS_ALL = 3, HOLDS_PERHAPS = 4 };

/* Some rule of the (set, direction) names a peer set of this class. */
struct hit {
	uint32_t class, rule; /* rule: index into verdicts.rules */
	uint8_t how;
};

/* The hits [from..to) made rows[at]: that of class 0 where they change nothing. */
struct made_row {
	size_t from, to, at;
};
#define MADE_ROWS 64 /* by hash, the newest; a power of two */

/* A rule and whose it is. */
struct turn {
	const struct rule_use *use;
	const struct net_policy *policy;
};

/* What some of the policies of one (set, direction) do to those who are met by none of their rules. */
struct stance {
	bool isolates, refuses;
};

struct verdicts {
	struct build *b;
	struct tables *t;
	uint32_t dir;
	const struct table_set *set;   /* at hand */
	bool audits;		       /* some policies of the (set, direction) deny nothing */
	struct stance all, in_earnest; /* what all say, and what those say that deny */
	bool only_earnest;	       /* the line at hand is that of these alone */
	uint32_t *start;	       /* by peer set: where in in_classes its classes begin */
	uint32_t *in_classes;
	VEC(struct turn) rules;		 /* of one (set, direction), the first wins */
	VEC(uint8_t) holds;		 /* by rule: for the class at hand */
	VEC(struct hit) hits;		 /* by class, rule */
	VEC(struct hit) found;		 /* the same as they were found: by rule */
	uint32_t *places;		 /* by class: where in hits its next one goes */
	struct made_row made[MADE_ROWS]; /* of the (set, direction) at hand */
	VEC(struct named_port) names;	 /* that count: the subject's, or those of the class at hand */
	struct range_vec ports;		 /* of the rule at hand, if it has names */
	struct range_vec own;		 /* what the policy at hand says by itself */
	struct range_vec merged;	 /* the line so far: the ranges of the row at hand */
	struct range_vec earnest;	 /* the line of what is in earnest, where some is not */
	struct range_vec spare;
};

/* The row that the rules in verdicts.holds make; its ranges are in verdicts.merged. Return: 0 or -ENOMEM. */
int verdicts_make_row(struct verdicts *w, struct table_row *row);

/* Adds to the line what it has left of these. */
int verdicts_overlay(struct verdicts *w, struct range_vec *line, const struct table_range *v, size_t n);
int verdicts_overlay_all(struct verdicts *w, struct range_vec *line, uint32_t action, uint32_t rule);

/* The row of the whole line in verdicts.merged, of which the ranges are left that are not as the row. */
void verdicts_fold(struct verdicts *w, struct table_row *row);

/* The row, with what verdicts.merged holds of it. @base: the row of class 0 of its (set, direction). */
int verdicts_add_row(struct verdicts *w, struct table_row row);
bool verdicts_same_row(const struct verdicts *w, const struct table_row *base, const struct table_row *row);

/* The rows of Services of one (set, egress), whose other rows begin with tables.rows[base]. */
int verdicts_service_rows(struct verdicts *w, size_t base);

#endif
