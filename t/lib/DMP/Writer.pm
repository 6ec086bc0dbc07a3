package DMP::Writer;

# A writer of the trace, made once more in Perl from docs/store.md: it commits
# through the store's own functions, as a gateway does, at the times it is
# told.  Signatures are made by the openssl program.
#
#   my $w = DMP::Writer->new(key => "$keys/audit.key", buckets => 4);
#   $w->open;  my $e = $w->access($pseudonym, $version);  $w->checkpoint;
#
# What a call returns: the entry's body, writer, bucket, epoch, seq, id, outcome;
# of some its trace and patient.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use MIME::Base64 qw(encode_base64url);
use POSIX qw(floor strftime);
use Time::HiRes ();

use DMP ();
use DMP::Proc qw(dir slurp);

my $NONE = "\0" x 32;
my $count = 0;


# key: the gateway's, certifies; node, buckets; heartbeat: seconds promised
sub new
{
    my ($class, %o) = @_;

    my $name = ($o{node} // 'gate') . '/' . join '', map { sprintf '%04x', rand 65536 } 1 .. 4;

    return bless { heartbeat => 0, %o, name => $name, epoch => 0,
        home => unpack('C', sha256($name)) % $o{buckets}, chain => {},
        moved => {}, now => undef }, $class;
}


# Seconds since 1970 that it takes for now; undef: the real ones.
sub at
{
    my ($self, $now) = @_;

    $self->{now} = $now;

    return $self;
}


sub now { return $_[0]{now} // Time::HiRes::time() }

sub time_of
{
    my ($seconds) = @_;

    my $ms = floor($seconds * 1000 + 0.5);

    return strftime('%Y-%m-%dT%H:%M:%S', gmtime floor($ms / 1000))
        . sprintf '.%03dZ', $ms % 1000;
}


# ------------------------------------------------------------------- signing

sub openssl
{
    my @words = @_;

    my $out = dir() . '/writer.out';

    system("openssl @words >$out 2>$out.err") == 0
        or die "openssl @words: " . slurp("$out.err");

    return slurp($out);
}


sub sign
{
    my ($key, $text) = @_;

    my $file = dir() . '/writer.text';

    open my $f, '>:raw', $file or die "$file: $!\n";
    print $f $text;
    close $f or die "$file: $!\n";

    return encode_base64url(openssl('pkeyutl', '-sign', '-rawin', '-inkey', $key, '-in', $file));
}


# --------------------------------------------------------------------- chain

# The writer's place in a bucket; it starts anew in each epoch, but the hash.
sub place
{
    my ($self, $bucket) = @_;

    my $place = $self->{chain}{$bucket} //= { hash => $NONE, epoch => 0 };

    if ($place->{epoch} != $self->{epoch}) {
        @$place{qw(epoch seq acks)} = ($self->{epoch}, 0, $NONE);
    }

    return $place;
}


# Writes and commits one entry: the function's name, the keys before those of
# the trace, what follows the entry.  Dies with the store's word if refused.
sub commit
{
    my ($self, $bucket, $kind, $members, %o) = @_;

    my $place = $self->place($bucket);
    my $seq = $place->{seq} + 1;
    my $body = sprintf '{"format":1,"kind":"%s","writer":"%s","epoch":%d,"seq":%d,'
        . '"prev":"%s","bucket":%d,"time":"%s","ack":[%d,"%s"]%s}', $kind,
        $self->{name}, $self->{epoch}, $seq, encode_base64url($place->{hash}),
        $bucket, time_of($self->now), $place->{seq},
        encode_base64url(substr $place->{acks}, 0, 16), $members;

    if ($o{sign}) {
        $body =~ s/\}\z//;
        $body .= ',"signature":"' . sign($o{sign}, $body) . '"}';
    }

    my $hash = sha256($body);
    my $tag = sprintf '{dmp:%02d}', $bucket;
    my @trace = ("$tag:trace", "$tag:w:$self->{name}", "$tag:closed");
    my $next = DMP::head($self->{epoch}, $seq, $hash);
    my @chain = ($place->{head} // '', $next, $body);

    my $reply = $o{session}
        ? DMP::redis('FCALL', 'dmp1_session', 6, $trace[0], "$tag:idx:$o{patient}",
            @trace[1, 2], "$tag:sess:$o{patient}", "$tag:outbox", @chain, @{ $o{session} })
        : $o{patient}
        ? DMP::redis('FCALL', 'dmp1_trace', 5, "$tag:rec:$o{patient}", $trace[0],
            "$tag:idx:$o{patient}", @trace[1, 2], $o{version}, @chain)
        : DMP::redis('FCALL', 'dmp1_append', 3, @trace, @chain);

    die "$reply->[0]\n" if ref $reply && $reply->[0] ne '0';

    my ($id) = ref $reply ? $reply->[1] : $reply =~ /^(\S+) \Q$next\E(?: \d+)?\z/;
    my $outcome = $o{patient} ? (ref $reply ? 0 : 1) : 'S';

    @$place{qw(seq hash head)} = ($seq, $hash, $next);
    $place->{acks} = sha256("$place->{acks}$seq:$outcome:$id");
    $self->{moved}{$bucket} = 1;

    return { body => $body, bucket => $bucket, epoch => $self->{epoch},
        seq => $seq, id => $id, outcome => $outcome, writer => $self->{name} };
}


# [bucket, epoch, seq, D] of those buckets, in this epoch; or, for who ends it
# for its writer, [bucket, epoch, seq, hash, acknowledged seq, A].
sub heads
{
    my ($self, $apart, @buckets) = @_;

    my @heads;

    for my $bucket (sort { $a <=> $b } @buckets) {
        my $place = $self->{chain}{$bucket};
        my ($epoch, $seq, $hash, $acks) = @$place{qw(epoch seq hash acks)};

        next if $epoch != $self->{epoch};

        my @said = $apart
            ? (qq("${\ encode_base64url($hash)}"), $seq, qq("${\ encode_base64url($acks)}"))
            : qq("${\ encode_base64url(sha256($hash . $acks))}");

        push @heads, '[' . join(',', $bucket, $epoch, $seq, @said) . ']';
    }

    return ',"heads":[' . join(',', @heads) . ']';
}


# ------------------------------------------------------------------- entries

sub open
{
    my ($self, %o) = @_;

    my $file = dir() . '/epoch-' . ++$count . '.key';

    openssl('genpkey', '-algorithm', 'ed25519', '-out', $file);

    my $public = encode_base64url(substr openssl('pkey', '-in', $file, '-pubout',
        '-outform', 'DER'), -32);
    my ($opened, $expires) = map { time_of($self->now + $_) } 0, 3660;

    $self->{epoch}++;
    $self->{signs} = $file;

    my $certificate = sign($o{key} // $self->{key}, join "\n", 'dmp-epoch/1',
        $self->{name}, $self->{epoch}, $public, $opened, $expires,
        $self->{heartbeat} || 0, '');

    return $self->commit($self->{home}, 'epoch-open',
        qq(,"public":"$public","opened":"$opened","expires":"$expires",)
        . qq("certificate":"$certificate")
        . ($self->{heartbeat} ? qq(,"heartbeat":$self->{heartbeat}) : '')
        . ',"carried":[]');
}


# An access that was allowed, decided on that version of the patient's record.
sub access
{
    my ($self, $patient, $version) = @_;

    my $trace = sprintf '019a0000-0000-7000-8000-%012x', ++$count;
    my $bucket = unpack('C', sha256($patient)) % $self->{buckets};
    my $entry = $self->commit($bucket, 'access', qq(,"trace":"$trace",)
        . '"actor":{"kind":"professional","id":"899700218896","auth":"direct"},'
        . qq("patient":"$patient","operation":"read","transaction":"TD3.2",)
        . '"mode":"normal","decision":"allow","rule":"G1",'
        . qq("policy":"${\ ('A' x 22)}","version":$version,)
        . '"client":"192.0.2.17","method":"GET","route":"/Binary/{id}"',
        patient => $patient, version => $version);

    @$entry{qw(trace patient)} = ($trace, $patient);

    return $entry;
}


# What a patient did with their account, by a verb of dmp1_session and what
# follows it; reason: it was refused.  Without a patient nobody knows who.
sub session
{
    my ($self, $patient, $operation, $verb, %o) = @_;

    my $trace = sprintf '019a0000-0000-7000-8000-%012x', ++$count;
    my $bucket = $patient ? unpack('C', sha256($patient)) % $self->{buckets} : $self->{home};
    my $entry = $self->commit($bucket, 'session', qq(,"trace":"$trace","actor":)
        . ($patient ? qq({"kind":"patient","id":"$patient","auth":"session"},"patient":"$patient")
            : '{"kind":"none","auth":"none"}')
        . qq(,"operation":"$operation","mode":"normal","decision":")
        . ($o{reason} ? qq(deny","rule":"none","reason":"$o{reason}") : 'allow","rule":"none"')
        . qq(,"policy":"${\ ('A' x 22)}","version":0,"client":"192.0.2.17","method":"POST",)
        . '"route":"/api/session"',
        $patient ? (patient => $patient, session => $verb) : ());

    @$entry{qw(trace patient)} = ($trace, $patient);

    return $entry;
}


sub abandon
{
    my ($self, @entries) = @_;

    return $self->commit($self->{home}, 'outcome', ',"outcomes":[],"abandoned":['
        . join(',', map { qq("$_->{trace}") } @entries) . ']');
}


# An operator's command: its begin (buckets: those it reopens), which is given
# back for its end.
sub admin
{
    my ($self, $command, $begun, @buckets) = @_;

    my $trace = $begun ? $begun->{trace} : sprintf '019a0000-0000-7000-8000-%012x', ++$count;
    my $entry = $self->commit($self->{home}, 'admin', qq(,"trace":"$trace",)
        . '"actor":{"kind":"operator","id":"anne","auth":"operator"},'
        . qq("command":"$command")
        . (@buckets ? sprintf ',"buckets":[%s]', join ',', @buckets : '')
        . ($begun ? ',"phase":"end","added":0,"changed":0,"removed":0' : ',"phase":"begin"'));

    $entry->{trace} = $trace;

    return $entry;
}


# kind: checkpoint or heartbeat
sub checkpoint
{
    my ($self, $kind) = @_;

    my $heads = $self->heads(0, keys %{ $self->{moved} });

    $self->{moved} = {};

    my $entry = $self->commit($self->{home}, $kind // 'checkpoint', $heads,
        sign => $self->{signs});

    $self->{moved} = {};

    return $entry;
}


sub close
{
    my ($self) = @_;

    return $self->commit($self->{home}, 'epoch-close',
        $self->heads(0, keys %{ $self->{chain} }), sign => $self->{signs});
}


# Ends the epoch of one that is no more: its own memory, or what another heads
# say; source: memory or store.
sub close_other
{
    my ($self, $other, $source) = @_;

    return $self->commit($self->{home}, 'epoch-close',
        qq(,"of":["$other->{name}",$other->{epoch}],"source":"$source")
        . $other->heads(1, keys %{ $other->{chain} }), sign => $self->{key});
}


# What a record host's log keeps of a request.
sub receipt
{
    my ($entry) = @_;

    return join ' ', @$entry{qw(trace writer bucket epoch seq)};
}

1;
