/*
 * commit.pml: how a change of rights meets the accesses that it forbids.
 * README.md tells what it stands for, run.sh runs it.
 *
 * Each safety can be taken out with -D and its name, and then has a
 * counterexample.  P1, P2, P3 and REACH choose what is asserted.
 */

#ifndef READERS
#define READERS   2          /* reader r is a request at gateway r % 2 */
#endif
#ifndef CHANGERS
#define CHANGERS  2          /* those who change: an API call, dmpctl */
#endif
#ifndef CHANGES
#define CHANGES   3          /* of the record, in all */
#endif

#define GATEWAYS  2
#define LAST      (1 + CHANGES)

/* The deadline in ticks, and what is older than any. */
#define D         2

#ifdef OWN_D
#define OLD       (D + 2)
#define DEADLINE  (r % GATEWAYS -> D + 1 : D)
#else
#define OLD       (D + 1)
#define DEADLINE  D
#endif


/* What has to hold.  Where nothing is named, all of it. */
#if !defined(P1) && !defined(P2) && !defined(P3) && !defined(REACH)
#define P1
#define P2
#define P3
#endif

/* nothing leaves that was decided before a change that was acknowledged */
#ifdef P1
#define p1()  assert(used >= acknowledged)
#else
#define p1()  skip
#endif

/* nothing is forwarded unless its entry stands in the store, with outcome 1 */
#ifdef P2
#define p2()  assert(stands[r])
#else
#define p2()  skip
#endif

/* nor is anything forwarded that was decided before such a change */
#ifdef P3
#define p3()  assert(used >= acknowledged)
#else
#define p3()  skip
#endif

/* What has to be possible: asserted never to be, and found to be. */
#define COMPOSED      1
#define RELEASED      2
#define CONFIRMED     3
#define REJUDGED      4
#define REFUSED_LATE  5
#define STALE         6
#define ABANDONED     7
#define TOO_LATE      8
#define TAKEN         9
#define TAKEN_AGAIN  10

#ifdef REACH
#define reached(n)  assert(n != REACH)
#else
#define reached(n)  skip
#endif


/* The store: the record's version, and what each version of it gives. */
byte  current = 1;
bool  allows[LAST + 1];

/*
 * One call of each is on its way, or the answer to it, and stays there as long
 * as it likes: so slow can network and store be.
 */
mtype = { none, entry, look, one, zero, record, block, blocked };

mtype  call[READERS] = none;
byte   version[READERS];     /* the call's; in an answer, the current one */
byte   age[READERS] = OLD;   /* ticks since it was sent */

mtype  change[CHANGERS] = none;
bool   effective[CHANGERS];  /* there was something to take away */
byte   held[CHANGERS] = OLD; /* ticks since the answer came */

byte   cache[GATEWAYS] = 1;

/* What no process sees, to tell what has to hold. */
bool  stands[READERS];       /* the request's entry, with outcome 1 */
byte  since;                 /* the version that last took something away */
byte  promise[CHANGERS];     /* it, when the change was committed */
byte  acknowledged;          /* the latest promise given */


/*
 * One time for all: only durations are compared, and they are the same
 * everywhere.  It passes whenever it likes: a process may be suspended between
 * any two of its steps.
 */
active proctype clock()
{
    byte  i;

end:
    do
    :: d_step {
           for (i : 0 .. READERS - 1) {
               age[i] = (age[i] < OLD -> age[i] + 1 : OLD)
           }
           for (i : 0 .. CHANGERS - 1) {
               held[i] = (held[i] < OLD -> held[i] + 1 : OLD)
           }
           i = 0;
           printf("a tick\n")
       }
    od
}


/* The store executes a reader's call when it arrives, in one piece. */
proctype store_reads(byte r)
{
end:
    do
    :: d_step {
           call[r] == entry ->
#ifdef NO_VERSION_CHECK
           call[r] = one;
#else
           call[r] = (version[r] == current -> one : zero);
#endif
           stands[r] = (call[r] == one);
           version[r] = (call[r] == one -> 0 : current);
           printf("store: entry of request %d, outcome %e\n", r, call[r])
       }
    :: d_step {
           call[r] == look ->
           call[r] = record;
           version[r] = current;
           printf("store: tells request %d of version %d\n", r, current)
       }
    od
}


/* And a change: a new version always, even if nothing is different. */
proctype store_changes(byte c)
{
end:
    do
    :: d_step {
           change[c] == block && current < LAST ->
           change[c] = blocked;
           effective[c] = allows[current];
           current++;
           since = (effective[c] -> current : since);
           promise[c] = since;
           printf("store: version %d, the right is gone\n", current)
       }
    od
}


#ifdef STALE_CLOCK

/*
 * The event loop notes the time when a turn begins, and a turn takes the time
 * that it takes.
 */
byte  noted[READERS] = OLD;

active proctype turn()
{
    byte  i;

end:
    do
    :: d_step {
           for (i : 0 .. READERS - 1) {
               noted[i] = age[i]
           }
           i = 0
       }
    od
}

#define elapsed     noted[r]
#define aged(n)     age[r] = n; noted[r] = n

#else

#define elapsed     age[r]
#define aged(n)     age[r] = n

#endif

/*
 * To read the clock and to send are one step here: the time between the two
 * is the window that is left (README.md).
 */
#define fresh       (elapsed <= DEADLINE)

#ifdef NO_DEADLINE
#define in_time     true
#else
#define in_time     fresh
#endif

#ifdef NO_RECHECK
#define still_fresh  true
#else
#define still_fresh  fresh
#endif

#define send(what)  call[r] = what; aged(0)

#define forward()   printf("gateway: request %d is forwarded\n", r); p2(); p3()
#define answer()    printf("gateway: answer %d leaves\n", r); p1()

#define finish()    used = 0; call[r] = none; version[r] = 0; aged(OLD);      \
                    stands[r] = false


/* The professional whose right comes and goes: one request after another. */
proctype reader(byte r)
{
    byte  used;              /* the version that was decided with */

end:
    atomic {
        used = cache[r % GATEWAYS];

decide:
        /* a refusal is committed as well: the record may be another */
        send(entry);
        version[r] = used;
        stands[r] = false;
        printf("gateway: request %d, decided with version %d\n", r, used)

#ifdef NO_TRACE_FIRST
        ;
        if
        :: allows[used] -> forward(); goto backend
        :: else
        fi
#endif
    }

    /* commit, enforce */
    if
    :: atomic {
           call[r] == one && !allows[used] ->
           finish();
           goto end
       }
    :: atomic {
           call[r] == one && allows[used] && in_time ->
           call[r] = none;
           if
           :: answer();      /* of our own: no more is asked of anybody */
              reached(COMPOSED);
              finish();
              goto end
           :: forward()
           fi
       }
    :: atomic {
           call[r] == one && allows[used] && !(in_time) ->
           reached(TOO_LATE);
           finish();
           goto end
       }
    :: atomic {
           call[r] == zero ->
#ifdef NO_OUTCOME_CHECK
           call[r] = one;
           forward()
#else
           reached(STALE);
           used = version[r];
           cache[r % GATEWAYS] = used;
           goto decide
#endif
       }
    :: atomic {
           /* the link is lost, or patience: whether it stands is unknown */
           true ->
           printf("gateway: request %d hears nothing\n", r);
#ifdef FAIL_OPEN
           forward()
#else
           if
           :: stands[r] && allows[used] -> reached(ABANDONED)
           :: else
           fi;
           finish();
           goto end
#endif
       }
    fi;

backend:
    /* the record host takes its time, and may fail */
    if
    :: atomic { true -> finish(); goto end }
#ifdef CLOCK_BEFORE_JUDGING
    :: still_fresh ->
       atomic { answer(); finish(); goto end }
#else
    :: atomic {
           still_fresh ->
           answer();
           reached(RELEASED);
           finish();
           goto end
       }
#endif
    :: atomic {
           !(still_fresh) ->
           send(look);
           printf("gateway: answer %d waits for the version\n", r)
       }
    fi;

    /* recheck */
    if
    :: atomic {
           call[r] == record ->
           call[r] = none;
           if
           :: version[r] == used -> reached(CONFIRMED)
           :: else ->
              cache[r % GATEWAYS] = version[r];
#ifndef NO_REJUDGE
              used = version[r];
#endif
              if
              :: allows[used] -> reached(REJUDGED)
              :: else ->
                 reached(REFUSED_LATE);
                 finish();
                 goto end
              fi
           fi;
           version[r] = 0;
#ifdef RECHECK_FROM_REPLY
           aged(0);
#endif
           goto backend
       }
    :: atomic {
           true ->
           printf("gateway: answer %d hears nothing\n", r);
#ifdef FAIL_OPEN
           answer();
#endif
           finish();
           goto end
       }
    fi
}


/* When may it be acknowledged? */
#if defined(NO_HOLD)
#define may_acknowledge  true
#elif defined(NO_HOLD_REPEATED)
#define may_acknowledge  (held[c] > D || !effective[c])
#elif defined(HOLD_EXACTLY_D)
#define may_acknowledge  (held[c] >= D)
#else
#define may_acknowledge  (held[c] > D)
#endif


proctype changer(byte c)
{
end:
    do
    :: atomic {
           /* a right is given, or another's changes: no promise to keep */
           current < LAST ->
           current++;
           allows[current] = true;
           printf("store: version %d, the right is there\n", current)
       }

    :: atomic {
           current < LAST ->
           change[c] = block;
#ifdef HOLD_FROM_SENDING
           held[c] = 0;
#endif
           printf("changer %d: takes the right away\n", c)
       }

       if
       :: atomic {
              change[c] == blocked ->
              change[c] = none;
#ifndef HOLD_FROM_SENDING
              held[c] = 0;
#endif
              printf("changer %d: has the store's answer\n", c)
          }
          atomic {
              may_acknowledge ->
              acknowledged = (promise[c] > acknowledged -> promise[c]
                                                         : acknowledged);
              printf("changer %d: acknowledges\n", c);
              if
              :: effective[c] -> reached(TAKEN)
              :: else -> reached(TAKEN_AGAIN)
              fi;
              held[c] = OLD;
              promise[c] = 0;
              effective[c] = false
          }

       :: atomic {
              /* the change may stand, but nobody is told so */
              true ->
              printf("changer %d: hears nothing\n", c);
              change[c] = none;
              held[c] = OLD;
              promise[c] = 0;
              effective[c] = false
          }
       fi
    od
}


init {
    byte  i;

    atomic {
        allows[1] = true;

        for (i : 0 .. READERS - 1) {
            run store_reads(i);
            run reader(i)
        }
        for (i : 0 .. CHANGERS - 1) {
            run store_changes(i);
            run changer(i)
        }
        i = 0
    }
}
