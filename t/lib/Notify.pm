package Notify;

# A store with its users, what dmp-notifyd delivers to (t/notify/peers.mjs, and
# OpenSMTPD), and instances of it.  All of it on loopback, or in a file.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use IO::Socket::INET;
use IPC::Open2;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use Time::HiRes ();

use DMP::Proc qw(root dir wait_for start stop alive slurp free_port keep);
use DMP::Redis ();

our @EXPORT = qw(store redis dmpctl operator ins pseudonym record peers mark
    since conf notifyd ended put message notice empty outbox given written
    dir wait_for start stop alive slurp free_port post_office maildir
    $Conf);

my $Json = JSON::PP->new->canonical->utf8;
my (%port, $admin, $pseudonym_key, $mark);
our $Conf;                         # what "conf" changes

$ENV{PATH} .= ':/usr/sbin';
$SIG{PIPE} = 'IGNORE';


sub write_file
{
    my ($name, $text) = @_;

    open my $f, '>', dir() . "/$name" or die "$name: $!\n";
    print $f $text;
    close $f or die "$name: $!\n";

    return dir() . "/$name";
}


# Exit code, standard output and standard error, together.
sub dmpctl
{
    my (@args) = @_;

    my $pid = open my $out, '-|' // die "fork: $!\n";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT or die;
        exec root() . '/build/dmpctl', @args or die "dmpctl: $!\n";
    }

    local $/;
    my $said = <$out> // '';
    close $out;

    return ($? >> 8, $said);
}


sub store_args
{
    my ($user) = @_;

    return ('--redis', 'unix:' . dir() . '/redis.sock', '--user', $user,
        '--password-file', dir() . "/users/$user.password");
}

sub operator { return dmpctl(@_, store_args('operator')) }


sub must
{
    my ($rc, $said) = @_;

    die "dmpctl: $said\n" if $rc != 0;

    return $said;
}


# A new store with all users, and keys.
sub store
{
    my $d = dir();

    mkdir "$d/users", 0700;
    must(dmpctl('init', '--write', "$d/users"));
    start_store();

    for my $kind (qw(audit record pseudonym)) {
        must(dmpctl('keygen', $kind, $d));
    }

    must(operator('init'));
    $pseudonym_key = pack 'H*', slurp("$d/pseudonym.key") =~ s/\s//gr;

    return;
}

my $store;

sub start_store
{
    my $d = dir();

    $store = start('redis', "$d/redis.log", 'redis-server', '--port', 0,
        '--unixsocket', "$d/redis.sock", '--dir', $d, '--save', '',
        '--aclfile', "$d/users/users.acl");

    my $password = slurp("$d/users/admin.password") =~ s/\s+\z//r;

    $admin = wait_for {
        my $c = DMP::Redis->connect("unix:$d/redis.sock");
        $c && eval { $c->call('AUTH', 'admin', $password); $c->call('PING'); $c };
    } 'the store';

    return;
}

# Whatever it held is gone with it.
sub stop_store { stop($store, 'KILL') }

sub redis { return $admin->call(@_) }


# An INS with its key, and P of it.
sub ins
{
    my ($n) = @_;

    my $number = sprintf '2850375121%03d', $n;

    return sprintf '%s%02d', $number, 97 - $number % 97;
}

sub pseudonym
{
    my ($n) = @_;

    return encode_base64url(substr hmac_sha256(ins($n), $pseudonym_key), 0, 16);
}


# A record with that contact, written as operators do: its holder is told.
sub record
{
    my ($n, $contact, %more) = @_;

    my $file = write_file("record-$n.jsonl", $Json->encode({ ins => ins($n),
        status => 'open', traits => { family => 'MARTINOT', given => 'JEANNE' },
        contact => $contact, %more }) . "\n");

    must(operator('record', 'import', $file, map {
        ("--$_-key", dir() . "/$_.key") } qw(record pseudonym audit)));

    return pseudonym($n);
}


# All outboxes' keys, or those of dead letters.
sub keys_of
{
    my ($kind) = @_;

    return map { sprintf '{dmp:%02d}:%s', $_, $kind } 0 .. 63;
}

sub outbox
{
    my ($kind) = @_;

    my $n = 0;

    $n += redis('XLEN', $_) for keys_of($kind // 'outbox');

    return $n;
}

sub given
{
    my $n = 0;

    $n += eval { redis('XPENDING', $_, 'notify')->[0] } // 0 for keys_of('outbox');

    return $n;
}

# Dies with what is left, and to whom it was given.
sub empty
{
    return 1 if eval { wait_for { outbox() == 0 } 'empty outboxes', $_[0] // 20 };

    die 'left: ', join(' ', map { my $k = $_; map { "$k @$_" }
        @{ redis('XPENDING', $k, 'notify', '-', '+', 10) } } keys_of('outbox')), "\n";
}


# A message as a gateway writes it; its bucket and id.
sub put
{
    my ($p, $kind, %sealed) = @_;

    my @fields = (k => $kind, p => $p, e => '1764041234567-0');
    my $hex = '';

    my $pid = open2(my $out, my $in, root() . '/build/notify-seal', dir() . '/record.key',
        $p, 64);

    print $in $Json->encode(decoded({ p => $p, %sealed }));
    close $in;
    my ($bucket, $sealed) = split ' ', scalar <$out>;
    waitpid $pid, 0;

    push @fields, s => pack 'H*', $sealed if %sealed;

    return (int $bucket, redis('XADD', "{dmp:$bucket}:outbox", '*', @fields));
}

# A code by that channel, with its end in seconds from now.
sub message
{
    my ($channel, $to, $code, %more) = @_;

    my $end = delete $more{end} // 300;

    return put(delete $more{p} // pseudonym(1), 'code', channel => $channel, to => $to,
        code => $code, for => 'sign-in', until => int((Time::HiRes::time() + $end) * 1000),
        %more);
}

sub notice { return put(pseudonym($_[0]), $_[1] // 'first-access') }


# What there is to deliver to; later what it is to do, and what it has seen.
sub peers
{
    my (%do) = @_;

    if (!$port{control}) {
        my $d = dir();

        system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
            . " -keyout $d/peer.key -out $d/peer.pem -subj /CN=localhost -days 30"
            . " -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>$d/openssl.log") == 0
            or die "openssl failed\n";
        $port{$_} = free_port() for qw(control smtp sms front office);
        start('peers', "$d/peers.log", 'node', root() . '/t/notify/peers.mjs',
            @port{qw(control smtp sms front office)}, "$d/peer.key", "$d/peer.pem");
    }

    my $control = wait_for {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port{control}");
    } 'the peers';

    print $control $Json->encode(\%do), "\r\n";

    return @{ $Json->decode(scalar <$control>) };
}

sub mark { $mark = scalar(my @all = peers(@_)) }

# What they have seen since then, of one kind.
sub since
{
    my ($what, $phase) = @_;

    my @all = peers();

    return grep { $_->{what} eq $what && (!defined $phase || ($_->{phase} // '') eq $phase) }
        @all[$mark .. $#all];
}


# A configuration, changed by a function of it.
sub conf
{
    my ($name, $change) = @_;

    my $d = dir();
    my $c = {
        redis => { address => "unix:$d/redis.sock", user => 'notifier',
            password_file => "$d/users/notifier.password" },
        record_keys => ["$d/record.key"],
        place => 'dmp.example.org',
        templates => root() . '/conf/notices',
        metrics_file => "$d/$name.prom",
        takeover_ms => 20000,
        retry => { first_ms => 20, most_ms => 100, tries => 1000 },
        smtp => { host => 'localhost', port => $port{smtp}, cacert => "$d/peer.pem",
            from => 'dmp@example.org', from_name => 'Dossier médical', user => 'notifyd',
            password_file => write_file('smtp.password', "a secret\n"), timeout_ms => 10000 },
        sms => { url => "http://127.0.0.1:$port{sms}/send", plain_on_loopback => JSON::PP::true,
            headers => { Authorization => 'Bearer {secret}' },
            secret_file => write_file('sms.secret', "sms-secret\n"),
            json => { to => '{to}', message => ['{text}'] }, country => '33',
            timeout_ms => 10000 },
    };

    if ($change) {
        local $_ = $c;
        $change->($c);
    }

    return write_file("$name.json", JSON::PP->new->canonical->utf8->encode(decoded($c)));
}

# The texts of this file are bytes.
sub decoded
{
    my ($v) = @_;

    return { map { ($_ => decoded($v->{$_})) } keys %$v } if ref $v eq 'HASH';
    return [map { decoded($_) } @$v] if ref $v eq 'ARRAY';
    return $v if ref $v || !($v =~ /[^\x00-\x7f]/);

    utf8::decode(my $text = $v);

    return $text;
}


# An instance; it has the store's answer when this returns, unless told not to.
sub notifyd
{
    my ($name, $conf, %o) = @_;

    local $ENV{NOTIFY_SOCKET} = $o{socket} if $o{socket};

    return start($name, dir() . "/$name.log", root() . '/build/dmp-notifyd', '--name', $name,
        $conf // conf($name));
}

# How it ended, once it has.
sub ended
{
    my ($pid) = @_;

    my $status;

    wait_for { waitpid($pid, 1) == $pid && do { $status = $?; 1 } } 'its end', 20;

    return $status;
}

sub written { return slurp(dir() . "/$_[0].prom") }


# OpenSMTPD, in a mount namespace of its own: it has one queue and one socket,
# at fixed places.  Undef, and why, where it cannot be.
my $office;

sub post_office
{
    my ($do) = @_;

    my $d = dir();

    return stop($office) if ($do // '') eq 'stop';
    return (undef, 'not root') if $> != 0;
    return (undef, 'no OpenSMTPD') if !grep { -x "$_/smtpd" } split /:/, $ENV{PATH};

    mkdir "$d/mail";
    chown scalar getpwnam('nobody'), -1, "$d/mail";

    # 6.8 of Debian 12 has no TLS of its own any more: it was built for an older
    # OpenSSL, and fails to use its key
    write_file('smtpd.conf', <<"END");
listen on 127.0.0.1 port $port{office} hostname office.example.org
action "keep" maildir "$d/mail" virtual { "jeanne\@example.org" = nobody, "marc\@example.org" = nobody }
match from any for domain "example.org" action "keep"
END
    chmod 0600, "$d/smtpd.conf";
    $office = start('smtpd', "$d/smtpd.log", 'unshare', '--mount', '--propagation', 'private',
        'sh', '-ec', 'mount -t tmpfs none /var/spool; mkdir -m 711 /var/spool/smtpd;'
        . " mount -t tmpfs none /run; exec smtpd -d -f $d/smtpd.conf");

    my $up = eval { wait_for {
        !alive($office) || IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port{office}")
    } 'OpenSMTPD' };

    return $up && alive($office) ? $port{front}
        : (undef, 'OpenSMTPD does not start: ' . slurp("$d/smtpd.log"));
}

sub maildir { return map { slurp($_) } glob dir() . '/mail/new/*' }

1;
