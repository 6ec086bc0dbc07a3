# Ways round a sign-in that were found by reading: each block is one, and what
# must hold all the same.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use Patient qw(patients created messages code_of signed_in bearer session
    try_password try_code me traits first_password);
use Rights qw($Martin $Durand api is_refusal record);
use SignIn qw(from forget_tries);
use Test::More;

our ($Who, $Password, $Token);
our $Recovered = 'trois petits cochons pendus';

sub recovery { return api('none', POST => '/api/session/recovery', { identifier => $_[0] },
    @_[1 .. $#_]) }

# As if nobody had asked for anything; Martin with both addresses.
sub anew
{
    forget_tries();
    DMP::import_records({ %{ record($Martin) }, contact => { email => 'jeanne@example.fr',
        phone => '0612345678', prefer => 'sms' }, @_ });
}

sub codes { return grep { $_->{k} eq 'code' } messages() }

# The code of a recovery, and with it a new password.
sub recovered
{
    my ($challenge, $code, $password) = @_;

    my $r = try_code($challenge, $code);
    is("$r->{status} $r->{json}{reason}", '403 password-change-required', 'the code is right');

    return api('none', POST => '/api/session/password',
        { challenge => $challenge, new_password => $password });
}

patients();
our $Http = 'dmp_directory_valid 0; dmp_session_key ' . DMP::keys() . '/session.key;';

DMP::run();

__DATA__

=== TEST 1: a sign-in that was begun with the old password ends with it
--- code
($Who, $Password, $Token) = signed_in($Martin, contact => { email => 'jeanne@example.fr',
    phone => '0612345678', prefer => 'sms' });
forget_tries();
my $thief = try_password($Who, $Password)->{json}{challenge};
my $code = code_of();
my $r = recovery($Who);
$r = recovered($r->{json}{challenge}, code_of(), $Recovered);
is($r->{status}, 200, 'the password is another one');
$Password = $Recovered;
is_refusal(try_code($thief, $code), 'what the old one began', 401, 'code-rejected');



=== TEST 2: two recoveries at once: the one that is late changes nothing
--- code
anew();
my $first = recovery($Who)->{json}{challenge};
my $code_one = code_of();
my $second = recovery($Who)->{json}{challenge};
my $code_two = code_of();
is(try_code($first, $code_one)->{status}, 403, 'the first one is confirmed');
my $r = recovered($second, $code_two, 'la ronde des jurons, trois fois');
is($r->{status}, 200, 'by the second the password is changed');
$Password = 'la ronde des jurons, trois fois';
is_refusal(api('none', POST => '/api/session/password',
    { challenge => $first, new_password => 'les sanglots longs 1866' }),
    'not by the first any more', 401, 'code-rejected');
forget_tries();
is(try_password($Who, $Password)->{status}, 202, 'it is what it was changed to')
    or $Password = 'les sanglots longs 1866';



=== TEST 3: recovery goes by the other channel than the last sign-in
--- code
anew();
session($Who, $Password);
my ($sent) = reverse codes();
is("$sent->{said}{for} $sent->{said}{channel}", 'sign-in sms', 'a code, as they prefer');
recovery($Who);
($sent) = reverse codes();
is("$sent->{said}{for} $sent->{said}{channel}", 'recovery email', 'recovery, by the other one');



=== TEST 4: who has one address left keeps it: without one nobody signs in
--- code
anew();
$Token = session($Who, $Password);
is(me($Token, PUT => '/contact', { email => '' })->{status}, 200, 'one of two is taken away');
my $r = me($Token, PUT => '/contact', { phone => '' });
ok($r->{status} >= 400 && $r->{status} < 500, "the last one is not: $r->{status}");
forget_tries();
is(try_password($Who, $Password)->{status}, 202, 'they can sign in');



=== TEST 5: codes for an address that is new are sent so often, and no oftener
--- code
anew();
our @Durand = signed_in($Durand, traits => traits(family => 'DURAND'));
my $token = pop @Durand;
my $sent = () = codes();
my @status = map { me($token, PUT => '/contact',
    { phone => sprintf '06123456%02d', $_ })->{status} } 1 .. 40;
is("@status", join(' ', (202) x 5, (429) x 35), 'five, and then 429');
is(codes() - $sent, 5, 'no more are sent');



=== TEST 6: a stranger who asks for it keeps nobody from recovering
--- code
anew();
session($Who, $Password);
recovery($Who, from('127.0.0.9')) for 1 .. 10;
my $sent = () = codes();
recovery($Who, from('127.0.0.9'));
is(scalar(() = codes()), $sent, 'no more of them');
recovery($Who);
is(scalar(() = codes()), $sent + 1, 'but where its holder signed in from before');



=== TEST 7: the password is not the identifier
--- code
anew();
my $r = recovery($Who);
my $challenge = $r->{json}{challenge};
is(try_code($challenge, code_of())->{status}, 403, 'the code is right');
is_refusal(api('none', POST => '/api/session/password',
    { challenge => $challenge, new_password => $Who }), 'it', 400, 'password-refused');
is(api('none', POST => '/api/session/password', { challenge => $challenge,
    new_password => 'mignonne, allons voir si la rose' })->{status}, 200, 'another one may be chosen');
$Password = 'mignonne, allons voir si la rose';
forget_tries();
$Password = $Who if try_password($Who, $Who)->{status} == 202;



=== TEST 8: the codes of one account are tried so often, from wherever
Whoever knows the password has the second factor before them only as long as
it cannot be guessed.
--- code
anew();
my $tried = 0;
for my $n (20 .. 39) {
    for (1 .. 3) {
        my $r = try_password($Who, $Password, from("127.0.0.$n"));
        next if $r->{status} != 202;
        my $wrong = sprintf '%06d', (code_of() + 1) % 1_000_000;
        for (1 .. 3) {
            $tried++ if try_code($r->{json}{challenge}, $wrong, from("127.0.0.$n"))
                ->{json}{reason} eq 'code-rejected';
        }
    }
}
ok($tried <= 30, "of 180 wrong codes, those of ten messages were looked at: $tried");



=== TEST 9: a page of another site signs nobody in
--- code
for (['a form', 'Content-Type: text/plain'],
    ['a form of fields', 'Content-Type: application/x-www-form-urlencoded'])
{
    my ($name, $header) = @$_;
    forget_tries();
    my $r = api('none', POST => '/api/session',
        { identifier => $Who, password => $Password }, headers => [$header]);
    ok($r->{status} >= 400, "$name: $r->{status}");
}



=== TEST 10: an operator who closes a record ends the sessions of its holder
--- code
anew();
my $token = session($Who, $Password);
is(me($token, GET => '')->{status}, 200, 'before');
DMP::dmpctl('record', 'close', $Martin, Rights::keys_of('--policy', policy(),
    '--audit-key', DMP::keys() . '/audit.key', '--node', 'operator'));
is(record($Martin)->{status}, 'closed', 'closed');
is_refusal(me($token, GET => ''), 'and the session with it', 401, 'token-rejected');
