/* The hold protocol of postward: how a mail is held, let go, kept or deleted while postward dies now and then.
 *
 * Another milter, a scanner, stands before postward: Postfix asks no milter after one that put a mail on hold. With -DSHADOW
 * postward begins in shadow mode, and from some restart on it enforces.
 *
 * One account, N mails. Each process is a part of the house; every atomic block is a step that the code does not
 * interrupt. What is in place and accepted is Postfix's, on disk. What is called j... is the journal, on disk. What is
 * called v... is the State, in memory: a crash sets it back to the journal. See README.md.
 *
 * Mutations (-DNAME) put a mistake in; check.sh shows that each is found.
 */
#ifndef N
#define N 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef FREE_ACTS
#define FREE_ACTS 1        /* what an operator does on his own with Postfix's tools */
#endif

/* where Postfix has a mail */
mtype:place = { nowhere, queued, deferred, hold, delivered, deleted };
/* guard.MailStatus */
mtype:status = { unknown, passed, cooling, held, releasing, released, deleting, stopping, foreign };
/* guard.Act: the effect of a mail that is undone; a mail has one at most */
mtype:act = { nothing, release, tohold, todelete };

mtype:place place[N];
bool accepted[N];          /* Postfix has answered 250 */
byte deliveries[N];
bool byhand[N];            /* an operator released or deleted it */
bool freed[N];             /* an operator took it out of hold, or put it there, with Postfix's own tools */
bool offered[N];           /* the transaction is over, one way or the other */
bool bad[N];               /* the scanner refuses it, if it is asked */
bool quarantined[N];       /* the scanner put it on hold: shown as somebody else's, and never touched */

mtype:status v[N]; mtype:status j[N];
mtype:act vact[N]; mtype:act jact[N];
bool vcontained; bool jcontained;
bool vbyhand[N]; bool jbyhand[N];

#ifdef SHADOW
mtype:open = { none, pretended, real };                    /* the account's open incident; a pretended one is marked shadow */
mtype:open vincident; mtype:open jincident;
bool valert; bool jalert;  /* the real one's alert is undone */
bool told;                 /* the owner was told of a real one */
bool enforced;             /* a mail was held, and the client knows that it was taken */
bool vshadow = true; bool jshadow = true;                  /* the mode of the policy */
bool enforce;              /* the mode of the configuration, which postward reads when it starts */
#else
#define vshadow false
#endif

bool up = true;
byte life = 0;             /* which postward: a session of the one before is broken */
byte crashes = 0;
byte words = 0;            /* of operators */
byte acts = 0;

byte i; /* for loops in atomic blocks only */

/* The journal's group commit: everything applied so far, in order. */
inline commit() {
	i = 0;
	do :: i < N -> j[i] = v[i]; jact[i] = vact[i]; jbyhand[i] = vbyhand[i]; i++
	   :: else -> break od;
	jcontained = vcontained
#ifdef SHADOW
	; jincident = vincident; jalert = valert; jshadow = vshadow
#endif
}

/* A mail that is held, or would be, belongs to the open incident, and opens one if there is none. Only who opens is told of. */
inline evidence() {
#ifdef SHADOW
	if
	:: vincident == none && vshadow -> vincident = pretended
	:: vincident == none && !vshadow -> vincident = real; valert = true
	:: else
	fi
#else
	skip
#endif
}

inline contain() {
	vcontained = true;
	i = 0;
	do
	:: i < N ->
		if
#ifndef BUG_COOLING_GOES
		:: v[i] == cooling -> v[i] = held
#endif
		:: v[i] == passed || (v[i] == released && !vbyhand[i]) -> v[i] = stopping; vact[i] = tohold
#ifndef BUG_RELEASING_GOES
		:: v[i] == releasing && !vbyhand[i] -> v[i] = stopping; vact[i] = tohold
#endif
		:: else
		fi;
		i++
	:: else -> break
	od
}

/* Shadow mode: what would be held passes, and its incident is marked. */
inline pretend() {
	evidence();
#ifdef BUG_SHADOW_HOLDS
	if :: contain() :: skip fi
#endif
}

/* smtpd and cleanup with a client behind them: the mail is offered once; a client that is told 4xx offers it again as
 * another mail. */
proctype Offer(byte m) {
	byte mine;
	mtype:status verdict;
	atomic {
		if
		:: !up -> offered[m] = true; goto end          /* default_action=tempfail: not taken */
		:: up -> mine = life
		fi;
		if :: bad[m] = true :: skip fi
	}
#ifndef BUG_POSTWARD_FIRST
	atomic {                                               /* the end of the message: the scanner is asked first */
		if
		:: bad[m] -> offered[m] = true; goto end       /* refused, and nobody else is asked */
		:: !bad[m] -> quarantined[m] = true; place[m] = hold; accepted[m] = true; offered[m] = true; goto end
		:: !bad[m]
		fi
	}
#endif
	atomic {                                               /* daemon.judge: Judge, Apply, append */
		if
		:: life != mine || !up -> offered[m] = true; goto end
		:: else
		fi;
		if
		:: !vshadow && vcontained -> verdict = unknown /* refused */
		:: vshadow || !vcontained -> verdict = passed
		:: !vshadow && !vcontained -> verdict = cooling
		:: !vshadow && !vcontained -> verdict = held; evidence()
		:: !vshadow && !vcontained -> verdict = held; evidence(); contain() /* it suffices */
		:: vshadow -> verdict = passed; pretend()
		fi;
		v[m] = verdict
	}
#ifndef BUG_ANSWER_FIRST
	atomic {                                               /* store.Ticket.Wait */
		if
		:: life == mine && up -> commit()
		:: else -> offered[m] = true; goto end
		fi
	}
#endif
	atomic {                                               /* the answer, if postward lives to give it */
		if
		:: life != mine || !up -> skip                 /* Postfix says 4xx and has not taken it */
		:: else ->
			if
			:: verdict == unknown -> skip
			:: verdict == passed && bad[m] -> skip /* the scanner after us refuses it */
			:: verdict == passed && !bad[m] -> place[m] = queued; accepted[m] = true
			:: verdict == cooling || verdict == held -> place[m] = hold; accepted[m] = true;
#ifdef SHADOW
				enforced = enforced || verdict == held
#endif
			fi
		fi;
		offered[m] = true
	}
end:	skip
}

/* qmgr and smtp: what is queued leaves, or waits for its server; what is deferred is tried again. */
proctype Queue(byte m) {
end:	do
	:: atomic { place[m] == queued -> place[m] = delivered; deliveries[m]++ }
	:: atomic { place[m] == queued -> place[m] = deferred }
	:: atomic { place[m] == deferred -> place[m] = queued }
	od
}

/* daemon.carryOut: undone effects, one act at a time, each after its reason is on disk. */
proctype Effects() {
	byte mine; byte m; bool early;
	mtype:act a; mtype:status s;
end:	do
	:: atomic {
		up && (vact[0] != nothing || vact[N-1] != nothing) -> mine = life;
		if
		:: vact[0] != nothing -> m = 0
		:: vact[N-1] != nothing -> m = N-1
		fi;
		a = vact[m]; s = v[m];
		/* Nothing begins to leave hold while the account is contained, unless a person said so. An act in hand when
		 * the account is contained is finished; what it let out is put on hold again behind it. */
		assert(a != release || s != releasing || byhand[m] || !vcontained);
		assert(!vshadow && !quarantined[m])            /* shadow mode acts on nothing; on what another holds nobody does */
	   }
	   atomic {                                            /* daemon.written */
		if
		:: life == mine && up -> commit()
		:: else -> goto again
		fi
	   }
	   /* warden: Postfix's tools. The parent ends the act in hand even when its child has died. */
	   atomic {
		early = place[m] == nowhere && !offered[m];   /* Postfix does not have it, perhaps not yet */
		if
		:: a == release && s == releasing && place[m] == hold ->
			place[m] = deferred                    /* postsuper -H; postqueue -i is Queue's second step */
		:: a == tohold && (place[m] == queued || place[m] == deferred) -> place[m] = hold
		:: a == tohold && place[m] == queued -> place[m] = delivered; deliveries[m]++  /* it was on the wire */
		:: a == todelete && place[m] == hold ->
			assert(byhand[m]);
			place[m] = deleted
		:: else                                        /* gone, or there already: nothing to do */
		fi
	   }
#ifdef BUG_TWICE
	   if :: a == release && place[m] == delivered -> place[m] = queued :: else fi;
#endif
	   atomic {                                            /* daemon.ended: the outcome */
		if
#ifndef BUG_GONE_TOO_SOON
		:: life == mine && up && vact[m] == a && early -> skip  /* tried again */
		:: life == mine && up && vact[m] == a && !early ->
#else
		:: life == mine && up && vact[m] == a ->
#endif
			if
			:: a == release && v[m] == releasing -> v[m] = released
			:: a == tohold && v[m] == stopping && place[m] == hold -> v[m] = held
			:: a == tohold && v[m] == stopping && place[m] != hold -> v[m] = passed
			:: a == todelete && v[m] == deleting -> v[m] = unknown
			:: else
			fi;
			vact[m] = nothing
		:: else
		fi
	   }
again:	   m = 0; a = nothing; s = unknown; mine = 0; early = false
	od
}

/* The tick: a cooling time is over. */
proctype Cool(byte m) {
end:	do
	:: atomic { up && v[m] == cooling && accepted[m] -> v[m] = releasing; vact[m] = release }
	od
}

/* daemon.reconcile and the log: a mail that Postfix never took, or that is out of the queue, is forgotten. */
proctype Books(byte m) {
end:	do
	:: atomic { up && offered[m] && (v[m] == cooling || v[m] == held) && place[m] != hold -> v[m] = unknown }
	:: atomic { up && offered[m] && (place[m] == nowhere || place[m] == delivered || place[m] == deleted) && vact[m] == nothing && v[m] != unknown
		-> v[m] = unknown }
	:: atomic { up && freed[m] && v[m] != foreign && v[m] != unknown && place[m] == hold -> v[m] = foreign; vact[m] = nothing }
	od
}

/* A person at the command line: his word is on disk before he is answered. */
proctype Operator() {
	byte m;
end:	do
	:: words < 2 -> atomic {
		up && words < 2 -> words++;
		if
		:: i = 0; vcontained = false;                  /* incident release: it was the owner */
#ifdef SHADOW
		   vincident = none;
#endif
		   do
		   :: i < N ->
			if
			:: v[i] == held || v[i] == cooling -> v[i] = releasing; vact[i] = release; vbyhand[i] = true; byhand[i] = true
			:: else
			fi;
			i++
		   :: else -> break
		   od
		:: m = 0;
		   do :: m < N - 1 -> m++ :: break od;
		   if
		   :: v[m] == held -> v[m] = deleting; vact[m] = todelete; vbyhand[m] = true; byhand[m] = true
		   :: v[m] != held -> words--
		   fi
		fi;
		commit(); m = 0
	   }
	:: acts < FREE_ACTS -> atomic {                        /* postsuper, by himself */
		acts < FREE_ACTS -> m = 0;
		do :: m < N - 1 -> m++ :: break od;
		if
		:: place[m] == hold -> place[m] = deferred; freed[m] = true; acts++
		:: place[m] == deferred -> place[m] = hold; freed[m] = true; acts++
		:: else
		fi;
		m = 0
	   }
	od
}

#ifdef SHADOW
/* An alert leaves when its incident is on disk, and is undone until that it left is on disk too. */
proctype Alerts() {
	byte mine;
end:	do
	:: atomic { up && valert -> mine = life; commit(); told = true }
	   atomic { if :: life == mine && up -> valert = false :: else fi; mine = 0 }
	od
}

/* Somebody writes mode = "enforce" and starts postward anew. */
proctype Switch() {
	atomic { up -> enforce = true; up = false; life++ }
}
#endif

proctype Crash() {
end:	do
	:: atomic { up && crashes < CRASHES -> up = false; crashes++; life++ }
	:: atomic { !up ->                                     /* daemon.restore */
		i = 0;
		do
		:: i < N -> v[i] = j[i]; vbyhand[i] = jbyhand[i];
#ifndef BUG_FORGET_EFFECT
			vact[i] = jact[i];
#else
			vact[i] = nothing;
#endif
			i++
		:: else -> break
		od;
		vcontained = jcontained;
#ifdef SHADOW
		vincident = jincident; valert = jalert; vshadow = jshadow;
		if
		:: enforce && vshadow ->                       /* on disk before anything is served */
			vshadow = false;
#ifndef BUG_SHADOW_SWALLOWS
			if :: vincident == pretended -> vincident = none :: else fi;
#endif
			commit()
		:: else
		fi;
#endif
		up = true }
	od
}

/* When nothing moves any more: no mail that Postfix promised lies where nobody knows of it. */
proctype Quiet() {
	timeout ->
	i = 0;
	do
	:: i < N ->
		assert(!accepted[i] || place[i] != nowhere);
		assert(place[i] != hold || v[i] == held || v[i] == foreign || freed[i] || quarantined[i]);
		assert(place[i] != deleted || byhand[i]);
		assert(deliveries[i] <= 1);
		i++
	:: else -> break
	od;
#ifdef SHADOW
	assert(!enforced || told)                              /* who holds mail says so, whatever was open before */
#endif
}

/* Delivered at most once, at any time, and never what the scanner refuses. */
proctype Once() {
end:	do
	:: atomic { deliveries[0] > 1 || deliveries[N-1] > 1 -> assert(false) }
	:: atomic { bad[0] && deliveries[0] > 0 || bad[N-1] && deliveries[N-1] > 0 -> assert(false) }
	od
}

init {
	atomic {
		byte k = 0;
#ifdef SHADOW
		vincident = none; jincident = none;
#endif
		do
		:: k < N ->
			place[k] = nowhere; v[k] = unknown; j[k] = unknown; vact[k] = nothing; jact[k] = nothing;
			run Offer(k); run Queue(k); run Cool(k); run Books(k);
			k++
		:: else -> break
		od;
		run Effects(); run Operator(); run Crash(); run Quiet(); run Once();   /* not before every mail is nowhere */
#ifdef SHADOW
		run Alerts(); run Switch()
#endif
	}
}
