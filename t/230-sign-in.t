# A patient signs in: identifier and password, a code, the first password that
# is changed, recovery, sign-out.  What is refused, and what each leaves.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use Patient qw(patients created messages code_of first_password signed_in
    bearer session try_password try_code me);
use Rights qw($Martin $Durand $Paoli $System $Search $True $False api
    api_request is_refusal record granted $Morel $Petit);
use Test::More;

my %Made;

# What that call left in the trace, as words.
sub left
{
    my ($mark) = @_;

    return join '; ', map {
        join ' ', $_->{body}{kind}, $_->{body}{operation}, $_->{outcome},
            $_->{body}{decision}, $_->{body}{reason} // 'none',
            $_->{body}{actor}{kind}
    } trace($mark);
}

patients();

DMP::run();

__DATA__

=== TEST 1: a record is created; its holder signs in for the first time
--- code
my $mark = trace_mark();
my $r = created($Martin);
is($r->{status}, 201, 'created') or diag $r->{body}, $r->{error};
my $identifier = $r->{json}{identifier};
like($identifier, qr/^[0-9A-Z]{12}$/, 'with an identifier');
is($r->{json}{temporary_password}, undef, 'the password is not in the answer');
is($r->{json}{sent_to}, 'j•••@e•••.fr', 'but where it was sent');
is(left($mark), 'change create R allow none professional', 'traced');
my $password = first_password();
like($password, qr/^\S{16}$/, 'sent to the contact');
my ($m) = grep { $_->{k} eq 'password' } messages();
is($m->{said}{to}, 'jeanne@example.fr', 'that one');
is($m->{said}{identifier} // '', '', 'and not with the identifier');

$mark = trace_mark();
$r = try_password($identifier, $password);
is($r->{status}, 202, 'a challenge') or diag $r->{body};
is($r->{json}{channel}, 'email', 'by mail');
is($r->{json}{expires_in}, 300, 'for five minutes');
is(left($mark), 'session sign-in 1 allow none patient', 'traced');
my $challenge = $r->{json}{challenge};
my $code = code_of();
like($code, qr/^\d{6}$/, 'six digits');

$mark = trace_mark();
$r = try_code($challenge, $code);
is($r->{status}, 403, 'the code is right');
is($r->{json}{reason}, 'password-change-required', 'and the password to be changed');
is($r->{headers}{'set-cookie'}, undef, 'no session yet');
is(left($mark), 'session code 1 deny password-change-required patient', 'traced');

$r = api('none', POST => '/api/session/password',
    { challenge => $challenge, new_password => 'court' });
is("$r->{status} $r->{json}{reason}", '400 password-refused', 'too short');

$mark = trace_mark();
$r = api('none', POST => '/api/session/password',
    { challenge => $challenge, new_password => 'les sanglots longs 1866' });
is($r->{status}, 200, 'changed') or diag $r->{body};
is($r->{json}{token_type}, 'Bearer', 'with a token');
is($r->{json}{expires_in}, 900, 'of a quarter of an hour');
like($r->{headers}{'set-cookie'},
    qr/^__Host-dmp-session=\S+; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
    'and its cookie');
is(left($mark), 'session password 1 allow none patient', 'traced');
my ($told) = grep { $_->{k} eq 'password-changed' } messages();
is($told->{said}{to}, 'jeanne@example.fr', 'who is on record is told');
my $token = $r->{json}{access_token};

$mark = trace_mark();
$r = me($token, GET => '');
is($r->{status}, 200, 'their own record') or diag $r->{body};
is($r->{json}{ins}, $Martin, 'it is');
is(left($mark), 'access check 1 allow none patient', 'traced');
is(try_password($identifier, $password)->{status}, 401, 'the old password is none');

$r = api('none', POST => '/api/session/password',
    { challenge => $challenge, new_password => 'les sanglots longs 1867' });
is("$r->{status} $r->{json}{reason}", '401 code-rejected', 'a challenge is used once');
%Made = (identifier => $identifier, password => 'les sanglots longs 1866',
    token => $token);
verify_trace();
pass('the trace is whole');



=== TEST 2: they sign in again, and out: the token is dead at once
--- code
my $mark = trace_mark();
my $r = try_password($Made{identifier}, $Made{password});
my $first = code_of();
is(try_code($r->{json}{challenge}, $first)->{status}, 200, 'a session');
is(left($mark), 'session sign-in 1 allow none patient; '
    . 'session code 1 allow none patient', 'traced');
is(try_code($r->{json}{challenge}, $first)->{status}, 401, 'a code is used once');

my $token = session($Made{identifier}, $Made{password});
is(me($token, GET => '')->{status}, 200, 'it opens');
$mark = trace_mark();
$r = api('none', DELETE => '/api/session', undef, headers => [bearer($token)]);
is($r->{status}, 204, 'signed out') or diag $r->{body};
is($r->{body}, '', 'nothing more to say');
like($r->{headers}{'set-cookie'}, qr/^__Host-dmp-session=; .*Max-Age=0$/,
    'the cookie goes');
is(left($mark), 'session sign-out 1 allow none patient', 'traced');
$mark = trace_mark();
$r = me($token, GET => '');
is("$r->{status} $r->{json}{reason}", '401 token-rejected', 'dead');
is(left($mark), 'access check 0 allow none patient; '
    . 'access check 1 deny token-rejected patient', 'and seen');
is(me($Made{token}, GET => '')->{status}, 200, 'another session lives');
verify_trace();
pass('the trace is whole');



=== TEST 3: what is wrong says no more than that
--- code
my $mark = trace_mark();
my $r = try_password($Made{identifier}, 'une autre phrase, fausse');
is_refusal($r, 'a wrong password', 401, 'credentials-rejected');
is(left($mark), 'session sign-in 1 deny credentials-rejected none', 'traced');
$mark = trace_mark();
my $other = try_password('ABCDEFGHJKMN', 'une autre phrase, fausse');
is_refusal($other, 'an identifier that nobody has', 401, 'credentials-rejected');
is(left($mark), 'session sign-in 1 deny credentials-rejected none', 'traced alike');
my @bodies = map { $_->{body} =~ s/[0-9a-f]{8}-[-0-9a-f]{27}/ID/r } $r, $other;
is($bodies[0], $bodies[1], 'the same words');
is(join(',', sort { $a cmp $b } CORE::keys %{ $r->{headers} }), join(',', sort { $a cmp $b } CORE::keys %{ $other->{headers} }),
    'the same headers');
is_refusal(try_password('x', 'y'), 'no identifier at all', 401, 'credentials-rejected');

my $challenge = try_password($Made{identifier}, $Made{password})->{json}{challenge};
my $code = code_of();
my $wrong = sprintf '%06d', ($code + 1) % 1000000;
is_refusal(try_code($challenge, $wrong), "try $_", 401, 'code-rejected') for 1 .. 3;
is_refusal(try_code($challenge, "$code"), 'the right one, too late', 401, 'code-rejected');

my $one = try_password($Made{identifier}, $Made{password})->{json}{challenge};
my $code_one = code_of();
my $two = try_password($Made{identifier}, $Made{password})->{json}{challenge};
my $code_two = code_of();
is(try_code($two, $code_one)->{status}, $code_one eq $code_two ? 200 : 401,
    'the code of another challenge');
is(try_code($one, $code_one)->{status}, 200, 'of its own');



=== TEST 4: requests that are none
--- code
for ([POST => 'session', '{}'], [POST => 'session', '{"identifier":"a"}'],
    [POST => 'session', '{"identifier":"a","password":"b","x":1}'],
    [POST => 'session', '{"identifier":"a","identifier":"c","password":"b"}'],
    [POST => 'session', '{"identifier":1,"password":"b"}'],
    [POST => 'session', '{"identifier":"a","password":""}'],
    [POST => 'session', '{"identifier":"a","password":"' . 'x' x 129 . '"}'],
    [POST => 'session', "{\"identifier\":\"a\",\"password\":\"b\\u0000\"}"],
    [POST => 'session', '['], [POST => 'session/code', '{"challenge":"a"}'],
    [POST => 'session/recovery', '{}'], [POST => 'session/password', '{}'])
{
    my ($method, $path, $body) = @$_;
    is_refusal(api('none', $method => "/api/$path", $body), "$path $body", 400,
        'request-ambiguous');
}
is_refusal(api('morel', POST => '/api/session',
    { identifier => 'a', password => 'b' }), 'with a card', 403, 'identity-ambiguous');
is(api('none', GET => '/api/session')->{status}, 401, 'no such call');
is(api('none', POST => '/api/session/other', '{}')->{status}, 401, 'nor this');
is_refusal(api('none', DELETE => '/api/session'), 'nobody signs out', 401,
    'authentication-required');



=== TEST 5: recovery: a code by mail, and a new password
--- code
my $mark = trace_mark();
my $recover = sub { api('none', POST => '/api/session/recovery', { identifier => $_[0] }) };
my $r = $recover->($Made{identifier});
is($r->{status}, 202, 'accepted') or diag $r->{body};
is_deeply([sort { $a cmp $b } CORE::keys %{ $r->{json} }], [qw(challenge expires_in)], 'and no more said');
is(left($mark), 'session recovery 1 allow none none', 'traced');
my $n = () = messages();
my $nobody = $recover->('ABCDEFGHJKMN');
is($nobody->{status}, 202, 'of nobody, too');
is(scalar(() = messages()), $n, 'without a message');
is_deeply([sort { $a cmp $b } CORE::keys %{ $nobody->{json} }], [qw(challenge expires_in)], 'the same words');
is_refusal(try_code($nobody->{json}{challenge}, '000000'), 'its code is none', 401,
    'code-rejected');
my ($code) = map { $_->{said} } grep { $_->{k} eq 'code' } reverse messages();
is($code->{for}, 'recovery', 'the message says what for');
$r = try_code($recover->($Made{identifier})->{json}{challenge}, code_of());
is("$r->{status} $r->{json}{reason}", '403 password-change-required', 'the code is right');
verify_trace();
pass('the trace is whole');



=== TEST 6: recovery goes by the other channel than the last sign-in's code
--- code
my ($who, $password, $token) = signed_in($Durand, contact => { email => 'jeanne@example.fr',
    phone => '+33612345678', prefer => 'email' });
my $mark = trace_mark();
my $account = sub {
    my ($p) = map { $_->{p} } grep { $_->{k} eq 'code' } reverse messages();
    my ($key) = grep { DMP::redis('HGET', $_, 'p') eq $p } @{ DMP::redis('KEYS', 'dmp:login:*') };
    return DMP::redis('HGET', $key, 'v');
};
my $by = sub {
    my ($last) = reverse grep { $_->{k} eq 'code' } messages();
    return "$last->{said}{for} $last->{said}{channel}";
};
my $recover = sub {
    api('none', POST => '/api/session/recovery', { identifier => $who });
    return $by->();
};
is($account->(), 2, 'the first sign-in changed the password');
is($recover->(), 'recovery sms', 'its code came by mail');

is(me($token, PUT => '/contact', { prefer => 'sms' })->{status}, 200, 'another is preferred');
session($who, $password);
is($by->(), 'sign-in sms', 'and used');
is($account->(), 3, 'the account knows');
is($recover->(), 'recovery email', 'so that the other is by mail');
session($who, $password);
is($account->(), 3, 'nothing is written for the same again');
my $challenge = try_password($who, $password)->{json}{challenge};
is(try_code($challenge, sprintf '%06d', (code_of() + 1) % 1000000)->{status}, 401, 'a wrong code');
is($account->(), 3, 'says nothing of a channel');
is(me($token, PUT => '/contact', { prefer => 'email' })->{status}, 200, 'back to the first');
$token = session($who, $password);
is($by->(), 'sign-in email', 'a sign-in by mail');
is($account->(), 4, 'which is written');
is(me($token, GET => '')->{status}, 200, 'with the session');
is($recover->(), 'recovery sms', 'and the other is by telephone again');
verify_trace();
pass('the trace is whole');



=== TEST 7: an account that has changed since its challenge
--- code
my ($who, $password) = signed_in($Paoli, contact => { email => 'jeanne@example.fr',
    phone => '+33612345678', prefer => 'email' });
my $one = try_password($who, $password)->{json}{challenge};
my $code = code_of();
my $r = api('none', POST => '/api/session/recovery', { identifier => $who });
is(try_code($r->{json}{challenge}, code_of())->{status}, 403, 'recovered');
$r = api('none', POST => '/api/session/password', { challenge => $r->{json}{challenge},
    new_password => 'deux mots de plus 1866' });
is($r->{status}, 200, 'another password');
is_refusal(try_code($one, $code), 'a code that the old one asked for', 401, 'code-rejected');
is(me($r->{json}{access_token}, GET => '')->{status}, 200, 'opens nothing, and ends nothing');
is(api('none', POST => '/api/session/recovery', { identifier => $who })->{status}, 202, 'again');
my ($last) = reverse grep { $_->{k} eq 'code' } messages();
is($last->{said}{channel}, 'sms', 'recovery is no sign-in: the channel is the same');
verify_trace();
pass('the trace is whole');
