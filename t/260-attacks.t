# What whoever owns the store, or a gateway's password, can do to the trace
# while gateways run: attacks 1 to 11 and 13 of the threat model
# (docs/security.md), each on a store of its own, and who says so: the gateway,
# at once, or "dmpctl audit verify".

use strict;
use warnings;

use Digest::SHA qw(sha256);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

use lib 't/lib';
use DMP;
use DMP::Guard;
use DMP::Index ();
use DMP::Net qw(health_of why saved put_back);
use FakeRedis;
use Test::More;

my $Morel = '899700218896';

# Two patients whose records live in different buckets.
my ($Martin, $Other) = ('285037512000151');
($Other) = grep { bucket($_) != bucket($Martin) }
    qw(168112A00405781 172066912304538 291113306311296);


# ------------------------------------------------------------------ helpers

sub bucket { unpack('C', sha256(DMP::Index::pseudonym($_[0]))) % 64 }
sub key { sprintf '{dmp:%02d}:%s', bucket($_[0]), $_[1] }
sub rec { key($_[0], 'rec:' . DMP::Index::pseudonym($_[0])) }

sub record
{
    my ($ins, %more) = @_;

    return { ins => $ins, status => 'open', opened_at => '2026-01-05T09:00:00Z',
        authorisations => { $Morel => { since => '2020-01-01',
            until => '2096-01-01' } }, %more };
}

# A store with both records, and as many gateways, which serve both.
sub world
{
    my (%o) = @_;

    my $store = DMP::Net::Store->new(settings => $o{settings} // []);
    my $self = { store => $store->prepare(map { record($_) } $Martin, $Other) };

    my $address = $o{at} ? $o{at}->($store) : $store->address;

    $self->{gateways} = [map { gateway(redis => $address, http => $o{http} // '') }
        1 .. $o{gateways} // 1];

    return $self;
}

sub gateway
{
    my $gateway = DMP::Net::Gateway->new(@_);

    wait_for { ask($gateway, $Martin)->{status} != 503 } 'a gateway that serves';
    wait_for { ask($gateway, $Other)->{status} != 503 } 'the other patient, too';

    return $gateway;
}

sub over
{
    my ($self) = @_;

    for my $gateway (@{ $self->{gateways} }) {
        $gateway->stop;

        my @bad = DMP::Guard->new($gateway->{log})->verdict(
            qr/dmp store|dmp bucket/, @{ $self->{log} // [] });
        is("@bad", '', 'nothing else in error.log');
    }

    $self->{store}->stop;
}

sub ask
{
    my ($gateway, $ins) = @_;

    return request(get => '/fhir/DocumentReference?patient.identifier='
        . "urn:oid:1.2.250.1.213.1.4.8|$ins", as => 'morel',
        port => $gateway->{tls});
}

sub received { scalar grep { $_->{target} =~ /DocumentReference/ } backend() }

# A request that the gateway refuses since it cannot be traced.
sub closed
{
    my ($gateway, $ins, $name) = @_;

    my $before = received();
    my $r = ask($gateway, $ins);

    is($r->{status}, 503, "$name: refused");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'trace-unavailable',
        "$name: for that reason");
    is(received(), $before, "$name: the record host received nothing");
}

sub served
{
    my ($gateway, $ins, $name) = @_;

    my $status;

    ok(eval { wait_for { ($status = ask($gateway, $ins)->{status}) == 200 } 'service' },
        "$name: served") or diag("$status\n" . slurp($gateway->{log}));
}

sub says
{
    my ($gateway, $pattern, $name, $seconds) = @_;

    ok(eval { wait_for { slurp($gateway->{log}) =~ $pattern } 'the line',
        $seconds // 5 }, "$name: the gateway says so")
        or diag("$pattern\n" . slurp($gateway->{log}));
}

sub went_back
{
    my ($ins) = @_;

    my $bucket = bucket($ins);

    return qr/\[crit\] .*dmp store went back or forked: bucket $bucket is closed: /;
}

# The store refuses that bucket to all, a moment after the gateway said so.
sub closes
{
    my ($self, $name) = @_;

    ok(eval { wait_for { @{ $self->{store}->call('SMEMBERS', 'dmp:closed') } }
        'a closed bucket' }, "$name: it is closed for all");
}

# Verify finds one of these breaks; what it found first, and all.
sub broken
{
    my ($self, $name, @codes) = @_;

    my ($exit, $said) = $self->{store}->verify('--json', '--all');
    my $r = eval { JSON::PP::decode_json($said) } // {};
    my @found = map { $_->{code} } @{ $r->{all} // [] };

    is($exit, 1, "$name: audit verify: broken") or diag($said);
    ok((grep { my $code = $_; grep { $_ eq $code } @codes } @found),
        "$name: as " . join(' or ', @codes)) or diag($said);
    note("$name: $_->{code}: $_->{text}") for grep { $_ } $r->{first};

    return $r;
}

sub whole
{
    my ($self, $name, @options) = @_;

    my ($exit, $said) = $self->{store}->verify(@options);

    is($exit, 0, "$name: audit verify: whole") or diag($said);
}

# Its accesses are under a signed head, and their ends are written.
sub signed
{
    my ($self, $mark) = @_;

    wait_for {
        my %last;

        for my $e ($self->{store}->entries($mark)) {
            $last{ $e->{body}{writer} } = $e->{body}{kind};
        }

        !grep { $_ !~ /^(?:checkpoint|heartbeat|epoch-close)$/ } values %last;
    } 'all to be signed';
}

# Writes a stream anew under the same ids, as if nothing had happened: the
# function changes the list of [id, body, outcome].
sub rewrite
{
    my ($self, $stream, $change) = @_;

    my $store = $self->{store};
    my @entries = map { my %f = @{ $_->[1] }; [$_->[0], $f{b}, $f{o}] }
        @{ $store->call('XRANGE', $stream, '-', '+') };
    my $end = @entries ? $entries[-1][0] : undef;

    $change->(\@entries);
    $store->call('MULTI');
    $store->call('DEL', $stream);
    $store->call('XADD', $stream, $_->[0], 'b', $_->[1], 'o', $_->[2]) for @entries;
    $store->call('XSETID', $stream, $end, 'ENTRIESADDED', scalar @entries,
        'MAXDELETEDID', '0-0') if defined $end;
    $store->call('EXEC');
}

# Accesses of a patient, in the order of the stream.
sub accesses
{
    my ($self, $mark, $ins) = @_;

    my $P = DMP::Index::pseudonym($ins);

    return grep { $_->{body}{patient} eq $P }
        $self->{store}->entries($mark, qr/^access$/);
}

sub recover
{
    my ($self, @buckets) = @_;

    return $self->{store}->tool('audit', 'recover', @buckets, '--confirm',
        '--audit-key', DMP::keys() . '/audit.key', '--node', 'ops');
}


# ------------------------------------------------------------------ attacks

subtest 'attack 1: an entry is changed' => sub {
    my $w = world();
    my ($gateway) = @{ $w->{gateways} };
    my $mark = $w->{store}->mark;

    is(ask($gateway, $Martin)->{status}, 200, 'served') for 1 .. 3;
    signed($w, $mark);
    whole($w, 'before');

    my ($e) = (accesses($w, $mark, $Martin))[1];

    rewrite($w, $e->{stream}, sub {
        my ($x) = grep { $_->[0] eq $e->{id} } @{ $_[0] };
        $x->[1] =~ s/$Morel/899700314422/ or die "it names nobody\n";
    });

    my $r = broken($w, 'changed', 'edited');
    is($r->{first}{id}, $e->{id}, 'that entry');

    # the chains' heads are untouched: the gateway cannot know
    served($gateway, $Martin, 'meanwhile');
    over($w);
};


subtest 'attack 2: an entry is deleted' => sub {
    my $w = world();
    my ($gateway) = @{ $w->{gateways} };
    my $mark = $w->{store}->mark;

    is(ask($gateway, $Martin)->{status}, 200, 'served') for 1 .. 3;
    signed($w, $mark);

    my ($e) = (accesses($w, $mark, $Martin))[1];

    $w->{store}->call('XDEL', $e->{stream}, $e->{id});
    broken($w, 'XDEL', 'missing');
    broken($w, 'XDEL, as the stream itself tells', 'deleted');
    broken($w, 'XDEL, as the holder would see', 'history');

    # and so that neither the stream nor the list tells it
    rewrite($w, $e->{stream}, sub { });
    broken($w, 'and hidden', 'missing');
    served($gateway, $Martin, 'meanwhile');
    over($w);
};


subtest 'attack 3: entries change places' => sub {
    my $w = world(gateways => 2);
    my ($one, $two) = @{ $w->{gateways} };
    my $mark = $w->{store}->mark;

    for (1 .. 3) {
        is(ask($one, $Martin)->{status}, 200, 'served by the one');
        is(ask($two, $Martin)->{status}, 200, 'served by the other');
    }

    signed($w, $mark);
    whole($w, 'before');

    my @e = accesses($w, $mark, $Martin);
    my $saved = saved($w, key($Martin, '*'));
    my $swap = sub {
        my ($first, $second) = @_;

        rewrite($w, $first->{stream}, sub {
            my ($x) = grep { $_->[0] eq $first->{id} } @{ $_[0] };
            my ($y) = grep { $_->[0] eq $second->{id} } @{ $_[0] };
            (@$x[1, 2], @$y[1, 2]) = ($second->{text}, $second->{outcome},
                $first->{text}, $first->{outcome});
        });
    };

    is($e[0]{body}{writer}, $e[2]{body}{writer}, 'two of one writer');
    $swap->($e[0], $e[2]);
    broken($w, 'of one writer', 'order');
    put_back($w, $saved);

    isnt($e[2]{body}{writer}, $e[3]{body}{writer}, 'two of two writers');
    $swap->($e[2], $e[3]);
    broken($w, 'of two writers', 'outcome');
    put_back($w, $saved);

    whole($w, 'put back');
    over($w);
};


# The next entry of the gateway's own chain, as the store would have written
# it: all but a signature.
sub forge
{
    my ($self, $e) = @_;

    my $store = $self->{store};
    my $head = key($Martin, "w:$e->{body}{writer}");
    my ($epoch, $seq, $prev) = split /:/, $store->call('HGET', $head, 'h');
    my $body = $e->{text};

    $body =~ s/"seq":\d+,"prev":"[^"]*"/'"seq":' . ($seq + 1) . ",\"prev\":\"$prev\""/e
        or die "no sequence: $body\n";

    my $id = $store->call('XADD', $e->{stream}, '*', 'b', $body, 'o', '1');
    my ($ms, $n) = split /-/, $id;

    $store->call('HSET', $head, 'h', DMP::head($epoch, $seq + 1, sha256($body)));
    $store->call('RPUSH', key($Martin, 'idx:' . DMP::Index::pseudonym($Martin)),
        substr(pack('Q>', $ms), 2) . pack 'n', $n);
}

for my $sign ('checkpoint', 'each') {
    subtest "attack 4: an entry is forged, dmp_audit_sign $sign" => sub {
        my $w = world(http => "dmp_audit_sign $sign;");
        my ($gateway) = @{ $w->{gateways} };
        my $mark = $w->{store}->mark;

        is(ask($gateway, $Martin)->{status}, 200, 'served');
        signed($w, $mark);
        whole($w, 'before');
        forge($w, (accesses($w, $mark, $Martin))[-1]);

        closed($gateway, $Martin, 'the next request');
        says($gateway, went_back($Martin), 'a fork');
        closed($gateway, $Martin, 'from then on');
        served($gateway, $Other, 'the other patient');
        $gateway->stop;

        my ($exit, $said) = $w->{store}->verify('--json', '--all');
        my $r = JSON::PP::decode_json($said);

        is_deeply([map { $_->{bucket} } @{ $r->{closed} }], [bucket($Martin)],
            'audit verify: that bucket is closed');

        if ($sign eq 'each') {
            broken($w, 'forged', 'signature');

        } else {
            # as an entry of which the writer never learnt
            is($r->{not_signed} + $r->{unproven}, 1, 'audit verify: it is not signed');
        }

        over($w);
    };
}


subtest 'attack 4, by a writer that nobody certified' => sub {
    my $w = world();
    my $store = $w->{store};
    my ($open) = $store->entries(undef, qr/^epoch-open$/);
    my $writer = substr($open->{body}{writer}, 0, -16) . 'f' x 16;
    my $body = $open->{text} =~ s/\Q$open->{body}{writer}\E/$writer/r;

    $store->call('XADD', $open->{stream}, '*', 'b', $body, 'o', 'S');
    $store->call('HSET', $open->{stream} =~ s/trace$/w:$writer/r,
        'h', DMP::head(1, 1, sha256($body)));
    broken($w, 'another writer', 'certificate');
    over($w);
};


subtest 'attack 5: the tail is cut off, the writer lives' => sub {
    my $w = world(gateways => 2);
    my ($one, $two) = @{ $w->{gateways} };
    my $store = $w->{store};
    my $saved = saved($w, key($Martin, '*'));
    my $bucket = bucket($Martin);

    is(ask($one, $Martin)->{status}, 200, 'served') for 1 .. 3;
    put_back($w, $saved);

    closed($one, $Martin, 'the next request');
    says($one, went_back($Martin), 'went back');
    closes($w, 'went back');
    is_deeply($store->call('SMEMBERS', 'dmp:closed'), [$bucket], 'the store lists it');

    my %why = @{ $store->call('HGETALL', key($Martin, 'closed')) };
    like($why{by}, qr{^gateway\d+/}, 'and says by whom');
    like($why{at}, qr/^\d{13}$/, 'and when');

    # the other gateway has seen nothing itself
    closed($two, $Martin, 'the other gateway');
    says($two, qr/dmp bucket $bucket is closed: run "dmpctl audit recover"/,
        'the other gateway');
    served($_, $Other, 'the other patient') for $one, $two;

    is(health_of($one->{tls})->{parts}{buckets}{closed}, 1, 'dmp_health counts it');
    is(health_of($one->{tls})->{status}, 200, 'but others are served');
    like(why($one->{tls}), qr/audit recover/, 'it says what to do');

    # over a restart of all
    $_->stop for $one, $two;
    $_->start for $one, $two;
    served($_, $Other, 'restarted, the other patient') for $one, $two;
    closed($_, $Martin, 'restarted') for $one, $two;
    broken($w, 'cut', qw(missing head));

    # who only looks opens nothing
    my $shown = $store->tool('audit', 'recover');
    like($shown, qr/\b0*$bucket\b/, 'recover shows it');
    closed($one, $Martin, 'shown only');

    recover($w, $bucket);
    served($_, $Martin, 'recovered') for $one, $two;
    served($_, $Other, 'recovered, the other patient') for $one, $two;
    is_deeply($store->call('SMEMBERS', 'dmp:closed'), [], 'none is closed');

    my ($admin) = grep { $_->{body}{command} eq 'audit recover' }
        $store->entries(undef, qr/^admin$/);
    is_deeply($admin->{body}{buckets}, [$bucket], 'it is in the trace');

    $_->stop for $one, $two;
    broken($w, 'what is missing stays missing', qw(missing head));
    whole($w, 'since then', '--since-recovery');
    over($w);
};


subtest 'attack 6: the tail is cut off, and the worker killed' => sub {
    my $w = world();
    my ($gateway) = @{ $w->{gateways} };
    my $saved = saved($w, key($Martin, '*'));
    my ($worker) = $gateway->workers;

    $w->{log} = [qr/exited on signal 9/];

    is(ask($gateway, $Martin)->{status}, 200, 'served') for 1 .. 3;
    put_back($w, $saved);
    kill 'KILL', $worker;
    wait_for { $gateway->workers && !grep { $_ == $worker } $gateway->workers }
        'another worker';

    closed($gateway, $Martin, 'the next request');
    says($gateway, went_back($Martin), "another worker's head");
    served($gateway, $Other, 'the other patient');

    my $end;

    wait_for { ($end) = grep { $_->{body}{of} }
        $w->{store}->entries(undef, qr/^epoch-close$/) } 'its epoch to be ended';
    is($end->{body}{source}, 'memory', 'its epoch is ended, from memory');
    ok((grep { $_->[0] == bucket($Martin) } @{ $end->{body}{heads} }),
        'with the last acknowledged head of that bucket');

    my $r = broken($w, 'cut and killed', 'missing');
    over($w);
};


subtest 'attack 7: the store goes back, and nobody asks for anything' => sub {
    my $w = world();
    my ($gateway) = @{ $w->{gateways} };
    my $store = $w->{store};
    my $mark = $store->mark;
    my $saved = saved($w, '{dmp:*}:*');

    is(ask($gateway, $Martin)->{status}, 200, 'served') for 1 .. 3;
    signed($w, $mark);
    put_back($w, $saved);

    # a heartbeat, ten seconds after the last signature
    says($gateway, qr/dmp store went back or forked: bucket \d+ is closed/,
        'a heartbeat meets it', 20);
    ok(@{ $store->call('SMEMBERS', 'dmp:closed') } > 0, 'and closes it for all');
    closed($gateway, $Martin, 'the next request');

    # what it was told last, though it writes elsewhere by now
    my $end;

    wait_for { ($end) = grep { $_->{body}{of} }
        $store->entries(undef, qr/^epoch-close$/) } 'the epoch to be ended', 20;
    is($end->{body}{source}, 'memory', 'the epoch is ended, from memory');
    broken($w, 'idle', 'missing');
    over($w);
};


subtest 'attack 8: all that a writer wrote is dropped' => sub {
    my $w = world(gateways => 2);
    my ($one, $two) = @{ $w->{gateways} };
    my $store = $w->{store};
    my $mark = $store->mark;

    is(ask($_, $Martin)->{status}, 200, 'served') for $one, $two, $one, $two;
    signed($w, $mark);

    my ($writer) = map { $_->{body}{writer} } (accesses($w, $mark, $Martin))[1];
    my @of = grep { $_->{body}{writer} eq $writer } $store->entries;
    my $saved = saved($w, '{dmp:*}:*');

    $store->call('XDEL', $_->{stream}, $_->{id}) for @of;
    $store->call('DEL', $_) for @{ $store->call('KEYS', "*:w:$writer") };
    broken($w, 'deleted', 'deleted');

    # and so that the streams do not tell it
    for my $stream ($store->streams) {
        rewrite($w, $stream, sub { });
    }
    broken($w, 'and hidden', 'history');

    closed($two, $Martin, 'that writer, at its next request');
    says($two, went_back($Martin), 'that writer');
    closes($w, 'that writer');
    closed($one, $Martin, 'and the other');
    over($w);
};


subtest 'attack 9: an old snapshot, with its old consents' => sub {
    my $w = world(gateways => 2);
    my ($one, $two) = @{ $w->{gateways} };
    my $store = $w->{store};
    my $old = "$store->{dir}/old";

    my $version = $store->call('HGET', rec($Martin), 'v');

    is(ask($_, $Martin)->{status}, 200, 'allowed') for $one, $two;
    DMP::command('cp', '-r', "$store->{dir}/appendonlydir", $old);

    # the patient blocks the reader
    $store->import_records(record($Martin, blocked => [$Morel]));
    is(ask($_, $Martin)->{status}, 403, 'refused') for $one, $two;
    is(ask($_, $Other)->{status}, 200, 'the other patient') for $one, $two;

    $store->stop('KILL');
    DMP::command('rm', '-r', "$store->{dir}/appendonlydir");
    DMP::command('mv', $old, "$store->{dir}/appendonlydir");
    $store->start;

    is($store->call('HGET', rec($Martin), 'v'), $version, 'the old consent is there');

    my $before = received();
    my %statuses;

    for (1 .. 5) {
        $statuses{ ask($_, $Martin)->{status} }++ for $one, $two;
    }

    is_deeply([CORE::keys %statuses], [503], 'nobody is let through on it');

    # until they have looked at the store, and from then on
    for my $gateway ($one, $two) {
        says($gateway, qr/bucket @{[ bucket($Martin) ]} is closed/, 'it');
        closed($gateway, $Martin, 'afterwards');
    }

    $_->stop, $_->start for $one, $two;
    wait_for { why($one->{tls}) =~ /audit recover/ } 'the restarted gateway';
    closed($_, $Martin, 'over a restart') for $one, $two;
    is(received(), $before, 'the record host received nothing');
    broken($w, 'an old snapshot', qw(missing head silence outcome order));
    over($w);
};


subtest 'attack 10: a record goes back, and its gateway knows better' => sub {
    my $w = world(gateways => 2);
    my ($one, $two) = @{ $w->{gateways} };
    my $store = $w->{store};
    my %old = @{ $store->call('HGETALL', rec($Martin)) };

    is(ask($_, $Martin)->{status}, 200, 'allowed') for $one, $two;
    $store->import_records(record($Martin, blocked => [$Morel]));
    is(ask($one, $Martin)->{status}, 403, 'refused');

    $store->call('HSET', rec($Martin), %old);
    closed($one, $Martin, 'the next request');
    says($one, qr/went back or forked: bucket \d+ is closed: a record went back/, 'it');
    closes($w, 'it');
    closed($two, $Martin, 'the other gateway, which knew only the old one');
    broken($w, 'a record that went back', 'version');
    over($w);
};


# Lets each access use the version that it has now, whichever was meant.
package LyingRedis {
    our @ISA = ('FakeRedis');

    sub commands_of
    {
        my ($self, $c) = @_;

        my $in = $c->{from_down};

        $c->{from_down} = '';

        while (defined DMP::Redis::extent(\$in)) {
            my $words = DMP::Redis::decode(\$in);

            # FCALL, the function, how many keys, the keys, the version
            if ($self->is_on({ when => 'lie' }) && $words->[0] eq 'FCALL'
                && $words->[1] eq 'dmp1_trace')
            {
                $words->[3 + $words->[2]] = DMP::Redis->connect($self->{real})
                    ->call('HGET', $words->[3], 'v');
            }

            $c->{from_down} .= DMP::Redis::encode(@$words);
        }

        $c->{from_down} .= $in;
        $self->SUPER::commands_of($c);
    }
}

package main;

subtest 'attack 10: the store says "1" to an old version' => sub {
    my $fake;
    my $w = world(at => sub {
        my ($store) = @_;

        $fake = LyingRedis->new($store->address);
        return $fake->address;
    });
    my ($gateway) = @{ $w->{gateways} };
    my $store = $w->{store};

    is(ask($gateway, $Martin)->{status}, 200, 'allowed');
    $store->import_records(record($Martin, blocked => [$Morel]));
    $fake->on('lie');

    # nothing but the trace can show it
    is(ask($gateway, $Martin)->{status}, 200, 'the lie is believed');
    $fake->off('lie');
    is(ask($gateway, $Martin)->{status}, 403, 'without it: refused');

    my $r = broken($w, 'a lie', 'version');
    like($r->{first}{patient}, qr/^[\w-]{22}$/, 'and whose record');
    over($w);
    $fake->stop;
};


subtest 'attack 11: a record is edited' => sub {
    my $w = world();
    my ($gateway) = @{ $w->{gateways} };
    my $store = $w->{store};
    my %old = @{ $store->call('HGETALL', rec($Martin)) };

    $w->{log} = [qr/dmp record of patient \S+ does not open/];
    $store->import_records(record($Martin, blocked => [$Morel]));

    my %new = @{ $store->call('HGETALL', rec($Martin)) };
    my %other = @{ $store->call('HGETALL', rec($Other)) };
    my $flipped = $new{d};

    substr($flipped, 40, 1) ^= "\x01";

    for (['the consent of a version before' => $old{d}],
        ["another patient's" => $other{d}], ['a bit of it' => $flipped],
        ['nothing' => ''])
    {
        my ($name, $d) = @$_;

        # a worker that has it in no cache
        $gateway->stop;
        $store->call('HSET', rec($Martin), 'd', $d);
        $gateway->start;
        wait_for { ask($gateway, $Other)->{status} == 200 } 'service';

        my $before = received();
        my $r = ask($gateway, $Martin);

        isnt($r->{status}, 200, "$name: not served");
        is($r->{status}, 503, "$name: an error, not a decision");
        is(received(), $before, "$name: the record host received nothing");
    }

    $store->call('HSET', rec($Martin), %new);
    $gateway->stop;
    $gateway->start;
    wait_for { ask($gateway, $Other)->{status} == 200 } 'service';
    is(ask($gateway, $Martin)->{status}, 403, 'put back: refused as it should be');
    whole($w, 'put back');

    $store->call('HSET', rec($Martin), 'v', $new{v} + 1);
    isnt(ask($gateway, $Martin)->{status}, 200, 'another version: not served');
    broken($w, 'another version', 'version');

    $store->call('DEL', rec($Martin));
    my $r = ask($gateway, $Martin);
    isnt($r->{status}, 200, 'no record at all: not served');
    broken($w, 'no record at all', 'version');
    over($w);
};


# With the rights that a gateway has by the shipped list of users.
subtest 'attack 13: who has a gateway\'s password' => sub {
    my $users = DMP::Proc::dir() . '/users';

    DMP::dmpctl('init', '--write', $users);
    my $acl = slurp("$users/users.acl");

    $acl =~ s/^user default off.*$/user default on nopass ~* &* +\@all/m;
    open my $out, '>', "$users/users.acl" or die "$!\n";
    print $out $acl;
    close $out;

    my $w = world(gateways => 2, settings => ['--aclfile', "$users/users.acl"],
        at => sub { $_[0]->address . ' user=gateway '
            . "password_file=$users/gateway.password" });
    my ($one, $two) = @{ $w->{gateways} };
    my $store = $w->{store};
    my $mark = $store->mark;

    is(ask($_, $Martin)->{status}, 200, 'served') for $one, $two;
    signed($w, $mark);
    whole($w, 'before');

    my $thief = DMP::Redis->connect($store->address);
    my $password = slurp("$users/gateway.password") =~ s/\n.*//sr;
    my $stream = key($Martin, 'trace');
    my $saved = saved($w, key($Martin, '*'));

    $thief->call('AUTH', 'gateway', $password);

    for my $command (['DEL', $stream], ['XDEL', $stream, '1-1'],
        ['XTRIM', $stream, 'MAXLEN', 0], ['SREM', 'dmp:closed', 1],
        ['DEL', key($Martin, 'closed')], ['FLUSHALL'],
        ['CONFIG', 'SET', 'appendfsync', 'no'], ['FUNCTION', 'FLUSH'])
    {
        ok(!eval { $thief->call(@$command) }, "may not @$command[0, 1]");
        like($@, qr/NOPERM/, 'since it has no right to');
    }

    # an addition may trim
    $thief->call('XADD', $stream, 'MAXLEN', 0, '*', 'b', 'x', 'o', '1');
    is($store->call('XLEN', $stream), 0, 'it can empty the stream');
    broken($w, 'emptied', 'missing');
    broken($w, 'emptied, as the stream itself tells', 'deleted');
    put_back($w, $saved);
    whole($w, 'put back');

    # after the greatest of all ids there is none
    $thief->call('XADD', $stream, '18446744073709551615-18446744073709551615',
        'b', 'x', 'o', '1');
    closed($_, $Martin, 'poisoned, the next request') for $one, $two;
    says($one, qr/dmp store is unavailable: it refuses a commit: ERR .*last possible/,
        'poisoned');
    broken($w, 'poisoned', 'format');
    put_back($w, $saved);

    # a head of another
    my ($head) = grep { /:w:gateway/ } @{ $store->call('KEYS', key($Martin, 'w:*')) };
    served($_, $Martin, 'put back') for $one, $two;
    $thief->call('HSET', $head, 'h', $thief->call('HGET', $head, 'h') =~ s/:\d+:/:99999:/r);
    my %status = map { ask($_, $Martin)->{status} => 1 } $one, $two;
    ok($status{503}, 'a changed head: whose it is sees it');
    wait_for { slurp($one->{log}) . slurp($two->{log}) =~ went_back($Martin) } 'the line';
    closes($w, 'a changed head');
    closed($_, $Martin, 'a changed head') for $one, $two;
    broken($w, 'a changed head', qw(head missing));
    over($w);
};


done_testing;

DMP::finish(Test::More->builder);
