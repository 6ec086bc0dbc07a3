# dmpctl account: accounts of records that were imported, new passwords at the
# counter, accounts that go; what a patient can do with each through a gateway,
# what is traced before it is done, what is refused.  And sessions that end with
# the record.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use DMP::Proc ();
use FakeRedis;
use Encode ();
use JSON::PP ();
use Patient qw(patients messages code_of first_password bearer session
    try_password try_code me traits);
use POSIX ();
use Rights qw($Martin $Durand $Paoli $True api is_refusal keys_of day);
use Test::More;

our ($rc, $out, $err);
our %Made;
# one whose key fits
our $Closed = '2850399000001' . sprintf '%02d', 97 - 2850399000001 % 97;
my $Runs = 0;

# What changes an account needs beside the store's address.
sub with { my $keys = DMP::keys(); return ('--record-key', "$keys/record.key",
    '--pseudonym-key', "$keys/pseudonym.key", '--audit-key', "$keys/audit.key",
    '--operator', 'anne', '--node', 'counter', @_) }

sub reading { my $keys = DMP::keys(); return ('--redis', DMP::redis_address(),
    '--record-key', "$keys/record.key", '--pseudonym-key', "$keys/pseudonym.key", @_) }

sub started
{
    my @words = @_;

    my $name = DMP::Proc::dir() . '/tool-' . ++$Runs;
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', "$name.out" or POSIX::_exit(126);
        open STDERR, '>', "$name.err" or POSIX::_exit(126);
        exec { DMP::Proc::root() . '/build/dmpctl' } 'dmpctl', @words
            or POSIX::_exit(127);
    }

    return { pid => $pid, name => $name };
}

sub ended
{
    my ($tool) = @_;

    waitpid $tool->{pid}, 0;
    $rc = $? >> 8;
    $out = slurp("$tool->{name}.out");
    $err = slurp("$tool->{name}.err");

    return $rc;
}

sub tool { return ended(started(@_)) }
sub account { return tool('account', @_, '--redis', DMP::redis_address(), with()) }
sub show { return tool('account', 'show', $_[0], reading(@_[1 .. $#_])) }

# Of the last output, for machines.
sub said { return JSON::PP->new->utf8->decode($out) }

# What stands in the trace since, as words.
sub left
{
    my ($mark) = @_;

    return join '; ', map {
        join ' ', $_->{body}{kind}, $_->{body}{operation}, $_->{outcome},
            $_->{body}{decision}, $_->{body}{actor}{kind}
    } trace($mark);
}

sub logins { return [sort { $a cmp $b } @{ DMP::redis('KEYS', 'dmp:login:*') }] }
sub contents { return join '', map { @{ DMP::redis('HGETALL', $_) } } @{ logins() } }

# The sessions of everybody.
sub sessions { return @{ DMP::redis('KEYS', '{dmp:*}:sess:*') } }

sub imported
{
    my ($ins, %more) = @_;

    DMP::import_records({ ins => $ins, status => 'open', traits => traits(),
        emergency => { bris_de_glace => $True }, %more });
}

# The temporary password changed for that one: a token.
sub changed
{
    my ($identifier, $temporary, $password) = @_;

    my $challenge = try_password($identifier, $temporary)->{json}{challenge};
    my $r = try_code($challenge, code_of());

    is("$r->{status} " . ($r->{json}{reason} // ''), '403 password-change-required',
        'the temporary one is to be changed');
    $r = api('none', POST => '/api/session/password',
        { challenge => $challenge, new_password => $password });
    is($r->{status}, 200, 'and is') or diag $r->{body};

    return $r->{json}{access_token};
}

patients();
imported($Martin, contact => { email => 'jeanne@example.fr' });
imported($Durand);

DMP::run();

__DATA__

=== TEST 1: an account for a record that was imported; its holder signs in
--- code
is_deeply(logins(), [], 'a record that was imported has no account');
my $fake = FakeRedis->new(DMP::redis_address());
my $mark = trace_mark();
my $told = () = messages();
is(tool('account', 'create', $Martin, '--redis', $fake->address, with()), 0, 'made')
    or diag $err;
is_deeply([map { /^FCALL (dmp1_(?:session|login))\b/ } $fake->commands],
    [qw(dmp1_session dmp1_login)], 'traced, and then made');
$fake->stop;
my ($identifier, $password) = $out
    =~ /\Aidentifier +([0-9A-Z]{12})\ntemporary password +(\S{16})\n\z/;
ok(defined $password, 'both are printed') or diag $out;
is($err, '', 'and no more');
is(scalar(() = messages()), $told, 'nothing is sent');
is(scalar(@{ logins() }), 1, 'one account');
unlike(contents(), qr/$password|$identifier/, 'which tells neither');

my ($entry, @more) = trace($mark);
is(scalar(@more), 0, 'one entry');
is_deeply($entry->{body}{actor}, { kind => 'operator', id => 'anne', auth => 'operator' },
    'by whom');
is_deeply([@{ $entry->{body} }{qw(kind operation decision route version)}, $entry->{outcome}],
    ['session', 'password', 'allow', 'dmpctl account create', 0, '1'], 'what');
like(logins()->[0], qr/^dmp:login:[\w-]{22}$/, 'the key is the gateway\'s');
is(DMP::redis('HGET', logins()->[0], 'p'), $entry->{body}{patient}, 'of whom');

is(show($identifier), 0, 'shown') or diag $err;
is($out, "patient    $entry->{body}{patient}\npassword   temporary\nsessions   0\n", 'as it is');

my $token = changed($identifier, $password, 'les sanglots longs 1866');
is(me($token, GET => '')->{json}{ins}, $Martin, 'the record is theirs');
is(try_password($identifier, $password)->{status}, 401, 'the temporary one is none');
my $typed = lc(substr $identifier, 0, 4) . '-' . substr($identifier, 4, 4) . ' '
    . substr $identifier, 8;
is(show($typed, '--json'), 0, 'as people write it');
is_deeply(said(), { exists => $True, patient => $entry->{body}{patient},
    temporary => JSON::PP::false(), sessions => 1 }, 'for machines');
%Made = (identifier => $identifier, password => 'les sanglots longs 1866', token => $token,
    patient => $entry->{body}{patient});
verify_trace();
pass('the trace is whole');



=== TEST 2: a new password: sessions end at once, and what was begun before
--- code
my $second = session($Made{identifier}, $Made{password});
is(me($_, GET => '')->{status}, 200, 'a session lives') for $Made{token}, $second;
my $before = try_password($Made{identifier}, $Made{password})->{json}{challenge};
my $code = code_of();
my $recovery = api('none', POST => '/api/session/recovery',
    { identifier => $Made{identifier} })->{json}{challenge};
my $recovers = code_of();

my $mark = trace_mark();
is(account('reset', $Made{identifier}, '--json'), 0, 'replaced') or diag $err;
my $password = said()->{temporary_password};
is_deeply([sort { $a cmp $b } CORE::keys %{ said() }], [qw(identifier temporary_password)],
    'for machines');
is(left($mark), 'session password 1 allow operator', 'traced');
is_deeply([sessions()], [], 'no session is left');
my ($last) = reverse messages();
is_deeply([@$last{qw(k p)}, $last->{said}], ['password-changed', $Made{patient},
    { p => $Made{patient}, channel => 'email', to => 'jeanne@example.fr', until => 0 }],
    'who is on record is told, and no more than that');

is_refusal(me($_, GET => ''), 'a session', 401, 'token-rejected') for $Made{token}, $second;
is_refusal(try_code($before, $code), 'a code from before', 401, 'code-rejected');
is_refusal(try_code($recovery, $recovers), 'of recovery, too', 401, 'code-rejected');
is(try_password($Made{identifier}, $Made{password})->{status}, 401, 'the old password is none');
is(show($Made{identifier}, '--json'), 0, 'shown');
is_deeply([@{ said() }{qw(temporary sessions)}], [$True, 0], 'temporary');
$Made{token} = changed($Made{identifier}, $password, $Made{password} = 'des violons 1866');
is(me($Made{token}, GET => '')->{status}, 200, 'and another session');
verify_trace();
pass('the trace is whole');



=== TEST 3: what may be changed with a challenge is what it was made for
--- code
is(account('reset', $Made{identifier}, '--json'), 0, 'a temporary password') or diag $err;
my $challenge = try_password($Made{identifier}, said()->{temporary_password})->{json}{challenge};
is(try_code($challenge, code_of())->{status}, 403, 'which must be changed');
is(account('reset', $Made{identifier}, '--json'), 0, 'and is replaced meanwhile');
my $password = said()->{temporary_password};
is_refusal(api('none', POST => '/api/session/password', { challenge => $challenge,
    new_password => 'de l automne 1866' }), 'too late', 401, 'code-rejected');
$Made{token} = changed($Made{identifier}, $password, $Made{password} = 'blessent mon coeur');



=== TEST 4: who signs in, or chooses a password, at the same time
--- code
# the holder comes back by recovery while the counter waits for the store
my $fake = FakeRedis->new(DMP::redis_address(), [qr/^FCALL dmp1_login/, 'stall', when => 'held']);
$fake->on('held');
my $mark = trace_mark();
my $tool = started('account', 'reset', $Made{identifier}, '--json', '--redis', $fake->address,
    with());
wait_for { grep { /^FCALL dmp1_login/ } $fake->commands } 'the counter';
is_refusal(me($Made{token}, GET => ''), 'sessions have ended', 401, 'token-rejected');
my $r = api('none', POST => '/api/session/recovery', { identifier => $Made{identifier} });
is(try_code($r->{json}{challenge}, code_of())->{status}, 403, 'a code of recovery');
$r = api('none', POST => '/api/session/password', { challenge => $r->{json}{challenge},
    new_password => 'd une langueur' });
is($r->{status}, 200, 'a password of their own');
my $token = $r->{json}{access_token};
is(me($token, GET => '')->{status}, 200, 'and a session');

$fake->off('held');
is(ended($tool), 0, 'the counter comes through') or diag $err;
$fake->stop;
is(scalar(grep { /^session password 1 allow operator$/ } split /; /, left($mark)), 2,
    'traced again, for the session');
is_refusal(me($token, GET => ''), 'which has ended', 401, 'token-rejected');
is(try_password($Made{identifier}, 'd une langueur')->{status}, 401, 'nor holds that password');
$Made{token} = changed($Made{identifier}, said()->{temporary_password},
    $Made{password} = 'monotone, monotone');
verify_trace();
pass('the trace is whole');



=== TEST 5: the password goes to the contact on record
--- code
my $told = () = messages();
is(account('reset', $Made{identifier}, '--deliver'), 0, 'sent') or diag $err;
my @new = messages();
splice @new, 0, $told;
is(scalar(@new), 1, 'one message');
my $said = $new[0]{said};
is_deeply([$new[0]{k}, $new[0]{p}, @$said{qw(p channel to until)}],
    ['password', $Made{patient}, $Made{patient}, 'email', 'jeanne@example.fr', 0], 'to whom');
my ($entry) = grep { $_->{id} eq $new[0]{e} } trace();
is($entry->{body}{route}, 'dmpctl account reset', 'from its entry');
is($said->{identifier} // '', '', 'not with the identifier');
unlike($out . $err, qr/\Q$said->{password}\E/, 'which alone is printed');
like(Encode::decode_utf8($out),
    qr/\Aidentifier +$Made{identifier}\ntemporary password +by email, to j•••\@e•••\.fr\n\z/,
    'and where to');
$Made{token} = changed($Made{identifier}, $said->{password}, $Made{password} = 'tout suffocant');

imported($Paoli, contact => { phone => '+33612345678' });
is(account('create', $Paoli, '--deliver', '--json'), 0, 'a new one') or diag $err;
my $made = said();
is_deeply($made, { identifier => $made->{identifier}, channel => 'sms', sent_to => '06 •• •• •• 78' },
    'for machines');
like($made->{identifier}, qr/^[0-9A-Z]{12}$/, 'its identifier');
is(me(changed($made->{identifier}, first_password(), 'et bleme quand'), GET => '')->{json}{ins},
    $Paoli, 'its holder signs in');
$Made{other} = $made->{identifier};



=== TEST 6: an account that goes
--- code
my $token = session($Made{other}, 'et bleme quand');
my $challenge = try_password($Made{other}, 'et bleme quand')->{json}{challenge};
my $code = code_of();
my ($holder) = map { DMP::redis('HGET', $_, 'p') }
    grep { DMP::redis('HGET', $_, 'p') ne $Made{patient} } @{ logins() };
my $mark = trace_mark();
is(account('remove', $Made{other}), 0, 'removed') or diag $err;
is($out, "removed: the account $Made{other}\n", 'it is said');
is(left($mark), 'session sign-out 1 allow operator', 'traced');
is_refusal(me($token, GET => ''), 'its session', 401, 'token-rejected');
$mark = trace_mark();
is_refusal(try_code($challenge, $code), 'a code from before', 401, 'code-rejected');
my ($late) = trace($mark);
is_deeply([@{ $late->{body} }{qw(operation decision patient)}],
    ['code', 'deny', $holder], 'which is in their history');
is(try_password($Made{other}, 'et bleme quand')->{status}, 401, 'nobody signs in');
is(scalar(@{ logins() }), 1, 'the other stays');
is(me($Made{token}, GET => '')->{status}, 200, 'with its session');
is(show($Made{other}), 1, 'it is not there');
is($err, "dmpctl: there is no account of that identifier\n", 'which is said');
is(show($Made{other}, '--json'), 1, 'for machines');
is_deeply(said(), { exists => JSON::PP::false() }, 'the same');
is(account($_, $Made{other}), 1, "$_: there is none") for qw(reset remove);
verify_trace();
pass('the trace is whole');



=== TEST 7: what is not done leaves nothing
--- code
imported($Closed, status => 'closed');
my ($mark, $before, $told) = (trace_mark(), contents(), scalar(() = messages()));
my $bad = $Made{identifier};
substr($bad, 3, 1) = $bad =~ /^...0/ ? '1' : '0';
my @keys = ('--redis', DMP::redis_address(), with());
my $other = DMP::Proc::dir() . '/other';
mkdir $other;
DMP::dmpctl('keygen', $_, $other) for qw(record pseudonym);

for my $case (
    [1, ['create', '291113306311296', @keys], 'there is no record of that INS'],
    [1, ['create', $Closed, @keys], 'the record is closed'],
    [1, ['create', $Durand, '--deliver', @keys], 'there is no address on record'],
    [2, ['create', @keys], '"account create" takes an INS'],
    [2, ['create', $Martin, $Durand, @keys], '"account create" takes an INS'],
    [2, ['create', '12345', @keys], 'that is not an INS'],
    [2, ['create', $Martin, '--redis', DMP::redis_address()], '--audit-key are needed'],
    [2, ['create', $Martin, '--identifier', 'x', @keys], 'unknown option "--identifier"'],
    [2, ['reset', @keys], '"account reset" takes an identifier'],
    [2, ['reset', $bad, @keys], 'that is no identifier'],
    [2, ['reset', 'jeanne', @keys], 'that is no identifier'],
    [2, ['remove', $Made{identifier}, '--deliver', @keys], 'unknown option "--deliver"'],
    [2, ['remove', '', @keys], 'that is no identifier'],
    [2, ['show', $Made{identifier}], '--record-key and --pseudonym-key are needed'],
    [2, ['show', $Made{identifier}, @keys], 'unknown option "--audit-key"'],
    [2, ['shut', $Made{identifier}, @keys], 'there is no command "account shut"'],
    [3, ['reset', $Made{identifier}, map { s{^.*(?=/record\.key$)}{$other}r } @keys],
        'does not open with the record keys given'],
    [1, ['reset', $Made{identifier}, map { s{^.*(?=/pseudonym\.key$)}{$other}r } @keys],
        'there is no account of that identifier'],
    [3, ['reset', $Made{identifier}, '--redis', 'unix:/nonexistent', with()], '/nonexistent'],
) {
    my ($want, $words, $why) = @$case;

    my $name = join ' ', map { $_ eq $Made{identifier} ? 'IDENTIFIER' : $_ } @$words[0, 1];
    is(tool('account', @$words), $want, "$name: exit code") or diag $out, $err;
    like($err, qr/\Q$why\E/, "$name: it says why");
    unlike($err, qr/$Martin|$Durand|$Closed|$Made{identifier}/, "$name: and not of whom");
    is($out, '', "$name: nothing else");
}

# a bucket where nothing can be traced
my $closed = sprintf '%s:closed', (sessions())[0] =~ /^(\{dmp:\d\d\})/;
DMP::redis('HSET', $closed, by => 'somebody', why => 'a test');
is(account('reset', $Made{identifier}), 3, 'a closed bucket') or diag $out;
like($err, qr/is closed: nothing was written/, 'it says so');
is(account('remove', $Made{identifier}), 3, 'nor does it go');
is(account('create', $Martin), 3, 'nor is there another');
DMP::redis('DEL', $closed);

is(left($mark), '', 'nothing was traced');
is(contents(), $before, 'no account has changed');
is(scalar(() = messages()), $told, 'nobody was told');
is(me($Made{token}, GET => '')->{status}, 200, 'and the session lives');



=== TEST 8: the record is closed: the sessions end with it
--- code
my @policy = ('--policy', DMP::policy());
is(tool('record', 'close', $Martin, '--redis', DMP::redis_address(), @policy, with()), 0, 'closed')
    or diag $err;
is_deeply([sessions()], [], 'no session is left');
is_refusal(me($Made{token}, GET => ''), 'the session', 401, 'token-rejected');
is(tool('record', 'reopen', $Martin, '--redis', DMP::redis_address(), @policy, with()), 0, 'open');
is_refusal(me($Made{token}, GET => ''), 'it does not come back', 401, 'token-rejected');

my $token = session($Made{identifier}, $Made{password});
is(tool('record', 'block', $Martin, '899700314422', '--redis', DMP::redis_address(), @policy,
    with()), 0, 'another change') or diag $err;
is(me($token, GET => '')->{status}, 200, 'ends none');
imported($Martin, contact => { email => 'jeanne@example.org' });
is(me($token, GET => '')->{status}, 200, 'nor does an import');
imported($Martin, status => 'closed', contact => { email => 'jeanne@example.org' });
is_deeply([sessions()], [], 'but one that closes');
is_refusal(me($token, GET => ''), 'at once', 401, 'token-rejected');
verify_trace();
pass('the trace is whole');



=== TEST 9: who reads the trace
--- code
is(tool('audit', 'tail', '--last', 1000, '--kind', 'session', '--redis', DMP::redis_address()), 0,
    'listed') or diag $err;
my @lines = grep { /  operator anne/ } split /\n/, $out;
is(scalar(grep { /  password  / } @lines), 8, 'each password') or diag join "\n", @lines;
is(scalar(grep { /  sign-out  / } @lines), 1, 'and the end');
my $keys = DMP::keys();
is(tool('audit', 'case', $Martin, reading(), '--audit-public-key', "$keys/audit.pub"), 0,
    'a patient asks') or diag $err;
my $told = Encode::decode_utf8($out);
my $who = qr/l'opérateur de l'hébergeur anne, en ligne de commande,/;
is(scalar(() = $told =~ /$who a donné un mot de passe provisoire au compte : fait/g), 7,
    'and is told');
is(tool('audit', 'case', $Paoli, reading(), '--audit-public-key', "$keys/audit.pub"), 0,
    'another asks') or diag $err;
like(Encode::decode_utf8($out), qr/$who a supprimé le compte : fait/, 'and is told, too');
