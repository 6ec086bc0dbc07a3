# What patients and representatives see of the history of a record.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use MIME::Base64 ();
use Patient qw(patients created messages code_of signed_in bearer session
    try_password try_code me traits);
use Rights qw($Martin $Durand $Paoli $System $Search $True $False api
    api_request is_refusal record granted day $Morel $Petit $Of_petit $Json);
use Test::More;

my ($Who, $Password, $Token, @Rep);

sub history
{
    my ($token, $ins, $query, %more) = @_;

    return api('none', GET => "/api/records/$ins/history" . ($query // ''), undef,
        headers => [bearer($token), @{ $more{headers} // [] }]);
}

patients();

DMP::run();

__DATA__

=== TEST 1: the patient reads all of it, newest first, numbered
--- code
($Who, $Password, $Token) = signed_in($Martin);
is(request(get => $Search, as => 'morel')->{status}, 403, 'a doctor tries');
is(me($Token, PUT => "/authorisations/$Morel")->{status}, 200, 'is authorised');
is(request(get => $Search, as => 'morel')->{status}, 200, 'and reads');
try_password($Who, 'une phrase qui est fausse');
my $r = history($Token, 'me');
is($r->{status}, 200, 'the history') or diag $r->{body};
my @lines = @{ $r->{json}{entries} };
is($r->{json}{total}, 9, 'all of it');
is_deeply([map { $_->{n} } @lines], [reverse 1 .. 9], 'newest first, without a gap');
is_deeply([map { join ' ', @$_{qw(kind operation decision)}, $_->{who}{kind} } @lines], [
    'access history allow patient', 'session sign-in deny none',
    'access search allow professional', 'change rights allow patient',
    'access search deny professional', 'session password allow patient',
    'session code deny patient', 'session sign-in allow patient',
    'change create allow professional'], 'what, and by whom');
like($lines[2]{text}, qr/^Le \d.* le professionnel de santé $Morel \(Médecin\), .*a consulté la liste des documents : autorisé\.$/,
    'a sentence');
like($lines[4]{text}, qr/refusé, car ce professionnel n'était pas autorisé\.$/, 'a refusal');
unlike($r->{body}, qr/127\.0\.0\.1|$Martin.*$Martin|password_hash|$Password/s, 'and nothing else');
my $page = history($Token, 'me', '?limit=2');
is_deeply([map { $_->{n} } @{ $page->{json}{entries} }], [10, 9], 'a page');
my $more = history($Token, 'me', "?limit=2&cursor=$page->{json}{next}");
is_deeply([map { $_->{n} } @{ $more->{json}{entries} }], [8, 7],
    'the next one, while new lines are added');
my $fhir = history($Token, 'me', '', headers => ['Accept: application/fhir+json']);
is("$fhir->{json}{resourceType} $fhir->{json}{entry}[0]{resource}{resourceType}",
    'Bundle AuditEvent', 'as FHIR');
verify_trace();
pass('the trace is whole');



=== TEST 2: an emergency is marked; nobody else's history
--- code
my $r = request(get => $Search, as => 'leroy', headers => ['DMP-Access-Mode: bris-de-glace',
    'DMP-Justification: Patiente%20inconsciente', 'DMP-Patient-Family: MARTIN',
    'DMP-Patient-Given: Jeanne', 'DMP-Patient-Birthdate: 1985-03-02']);
is($r->{status}, 200, 'the glass is broken') or diag $r->{body};
my ($line) = grep { $_->{emergency} } @{ history($Token, 'me')->{json}{entries} };
like($line->{text}, qr/URGENCE.*Patiente inconsciente/, 'with its justification');
is_refusal(history($Token, $Durand), 'of another', 403, 'not-own-record');
is_refusal(api('none', GET => '/api/records/me/history'), 'of nobody', 401,
    'authentication-required');



=== TEST 3: a representative sees the record's, and none of the holder's sessions
--- code
my ($who, $password, $token) = signed_in($Durand, traits => traits(family => 'DURAND'));
@Rep = ($who, $password);
import_records({ %{ record($Martin) }, representatives => [{ ins => $Durand, until => '2090-01-01' }] });
my $r = history($token, $Martin);
is($r->{status}, 200, 'they read it') or diag $r->{body};
my @lines = @{ $r->{json}{entries} };
is($r->{json}{total}, scalar @lines, 'counted among themselves');
is_deeply([map { $_->{n} } @lines], [reverse 1 .. @lines], 'without a gap');
ok(!(grep { $_->{kind} eq 'session' && $_->{who}{kind} eq 'patient' } @lines),
    'when the holder signs in is not theirs to know');
ok((grep { $_->{emergency} } @lines), 'the emergency is');
my ($own) = @{ history($Token, 'me')->{json}{entries} }[1];
is("$own->{operation} $own->{who}{kind}", 'history representative', 'and the patient sees that');
verify_trace();
pass('the trace is whole');



=== TEST 4: what is done in a discreet session no representative learns of
--- code
my ($who, $password, $token) = signed_in($Paoli, traits => traits(family => 'PAOLI'));
import_records({ %{ record($Paoli) }, representatives => [{ ins => $Durand, until => '2090-01-01' }] });
my $theirs = session(@Rep);
my $before = history($theirs, $Paoli)->{json};
my $r = api('none', POST => '/api/session',
    { identifier => $who, password => $password, discreet => $True });
$r = try_code($r->{json}{challenge}, code_of());
my $discreet = $r->{json}{access_token};
unlike(MIME::Base64::decode_base64url((split /\./, $discreet)[1]), qr/discreet/,
    'the token does not tell');
is(me($discreet, GET => '')->{status}, 200, 'they look at their record');
is(me($discreet, PUT => "/blocks/$Petit")->{status}, 200, 'and block somebody');
my $after = history($theirs, $Paoli)->{json};
is($after->{total}, $before->{total} + 1, 'a representative sees their own reading more, and nothing else');
ok(!(grep { ($_->{change} // '') eq 'block' } @{ $after->{entries} }), 'no block');
my @all = @{ history($discreet, 'me')->{json}{entries} };
ok((grep { ($_->{change} // '') eq 'block' } @all), 'the patient sees it all');
is_refusal(api('none', POST => '/api/session',
    { identifier => $who, password => $password, discreet => 1 }), 'neither true nor false', 400,
    'request-ambiguous');
verify_trace();
pass('the trace is whole');
