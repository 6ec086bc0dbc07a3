# What a patient does with a session: reads their own record and decides who
# else does; cookies; tokens that are none; a representative; contact.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use JSON::PP ();
use MIME::Base64 ();
use Patient qw(patients created messages code_of signed_in bearer session
    try_password try_code me traits);
use Rights qw($Martin $Durand $Paoli $System $Search $True $False api
    api_request is_refusal record granted day $Morel $Petit $Of_petit $Json);
use Test::More;

my ($Who, $Password, $Token);

# Entries of two buckets may have the same millisecond: sorted by their words.
sub left
{
    my ($mark) = @_;

    return join '; ', sort { $a cmp $b } map {
        join ' ', $_->{body}{kind}, $_->{body}{operation}, $_->{outcome},
            $_->{body}{decision}, $_->{body}{reason} // 'none',
            $_->{body}{actor}{kind}
    } trace($mark);
}

sub reads { request(get => $Search, as => $_[0])->{status} }
sub with { my ($token) = @_; return (headers => [bearer($token)]) }
sub part { MIME::Base64::encode_base64url($_[0]) }

patients();

DMP::run();

__DATA__

=== TEST 1: their own record: search, read, state
--- code
($Who, $Password, $Token) = signed_in($Martin);
my $mark = trace_mark();
my $r = request(get => $Search, with($Token));
is($r->{status}, 200, 'a search') or diag $r->{body};
ok(@{ $r->{json}{entry} } > 0, 'of their documents');
is(left($mark), 'access search 1 allow none patient', 'traced');
my ($id) = map { $_->{resource}{id} } @{ $r->{json}{entry} };
is(request(get => "/fhir/DocumentReference/$id", with($Token))->{status}, 200, 'a document');
like((backend())[-1]{target} // '', qr{DocumentReference/$id}, 'the record host was asked');
unlike(DMP::slurp(DMP::backend_log()), qr/authorization|cookie|bearer/i, 'and never sees a token');
$r = me($Token, GET => '');
is_deeply([@{ $r->{json} }{qw(ins status mask_by_default)}], [$Martin, 'open', $False],
    'the state, with the rights');
is(request(get => '/fhir/metadata', with($Token))->{status}, 200, 'what the host can do');
my $other = request(get => $Search =~ s/$Martin/$Durand/r, with($Token));
is("$other->{status} " . $other->{json}{issue}[0]{details}{coding}[0]{code},
    '403 not-own-record', 'nobody else\'s');
verify_trace();
pass('the trace is whole');



=== TEST 2: they decide: authorise, block, mask, oppose, close; at once
--- code
is(reads('morel'), 403, 'a doctor does not read');
is(me($Token, PUT => "/authorisations/$Morel")->{status}, 200, 'authorised');
is(reads('morel'), 200, 'and reads');
my $mark = trace_mark();
my $r = me($Token, PUT => "/blocks/$Morel");
is($r->{status}, 200, 'blocked');
is_deeply($r->{json}{blocked}, [$Morel], 'the new state');
is(left($mark), 'change rights R allow none patient', 'traced');
is(reads('morel'), 403, 'reads no more');
is(me($Token, DELETE => "/blocks/$Morel")->{status}, 200, 'unblocked');
is(me($Token, PUT => "/treating/$Morel")->{status}, 200, 'designated');
is(reads('morel'), 200, 'and reads');
$r = me($Token, PUT => '/emergency', { bris_de_glace => $False });
is($r->{json}{emergency}{bris_de_glace}, $False, 'opposed');
my ($told) = grep { $_->{k} eq 'emergency-changed' } messages();
is($told->{said}{to}, 'jeanne@example.fr', 'who is on record is told');
is(scalar(() = grep { $_->{k} eq 'rights-changed' } messages()), 0,
    'of their own changes nobody is told otherwise');
$r = me($Token, PUT => '/masks', { mask_by_default => $True });
is($r->{json}{mask_by_default}, $True, 'all masked');
is(me($Token, PUT => '/masks', { mask_by_default => $False })->{status}, 200, 'and not');
my $another = session($Who, $Password);
is(me($Token, PUT => '/status', { status => 'closed' })->{status}, 200, 'closed');
is(me($_, GET => '')->{status}, 401, 'and all sessions with it') for $Token, $another;
is(reads('morel'), 403, 'nobody reads');
$Token = session($Who, $Password);
is(request(get => $Search, with($Token))->{status}, 403, 'nor they');
is(me($Token, PUT => '/status', { status => 'open' })->{status}, 200, 'they reopen it');
is(reads('morel'), 200, 'and all is as it was');
verify_trace();
pass('the trace is whole');



=== TEST 3: the cookie, and requests that another site has sent
--- code
my $r = try_code(try_password($Who, $Password)->{json}{challenge}, code_of());
my ($cookie) = $r->{headers}{'set-cookie'} =~ /^([^;]+)/;
my @cookie = ("Cookie: other=1; $cookie; more=x");
my $ask = sub {
    my ($method, $path, @more) = @_;
    return api('none', $method => "/api/records/me$path", undef,
        headers => [@cookie, @more]);
};
is($ask->(GET => '')->{status}, 200, 'it is as good as the token');
is($ask->(PUT => "/blocks/$Petit", 'DMP-Request: 1')->{status}, 200, 'with our header');
is($ask->(DELETE => "/blocks/$Petit", 'Sec-Fetch-Site: same-origin')->{status}, 200,
    'from our own pages');
for (['no word of where it is from'], ['another site', 'Sec-Fetch-Site: cross-site'],
    ['a neighbour', 'Sec-Fetch-Site: same-site'],
    ['another site, with our header', 'Sec-Fetch-Site: cross-site', 'DMP-Request: 1'],
    ['typed', 'Sec-Fetch-Site: none'])
{
    my ($name, @more) = @$_;
    my $mark = trace_mark();
    is_refusal($ask->(PUT => "/blocks/$Petit", @more), $name, 401, 'token-rejected');
}
is_refusal($ask->(GET => '', 'Sec-Fetch-Site: cross-site'), 'read by another site', 401,
    'token-rejected');
is_refusal(me($Token, GET => '', undef, headers => ["Cookie: $cookie"]),
    'both', 400, 'request-ambiguous');
is_refusal($ask->(GET => '', "Cookie: $cookie"), 'twice', 400, 'request-ambiguous');



=== TEST 4: tokens that are none
--- code
my ($head, $claims, $signature) = split /\./, $Token;
my %claims = %{ JSON::PP::decode_json(MIME::Base64::decode_base64url($claims)) };
my $swapped = $claims =~ s/(.)$/$1 eq 'A' ? 'B' : 'A'/er;
my $none = part('{"alg":"none","typ":"JWT"}');
my %bad = (
    'unsigned' => "$none.$claims.",
    'unsigned, with a signature' => "$none.$claims.$signature",
    'another claim' => "$head.$swapped.$signature",
    'no signature' => "$head.$claims.", 'two parts' => "$head.$claims",
    'four parts' => "$Token.x", 'cut' => substr($Token, 0, -2),
    'nothing of it' => 'x', 'long' => 'x' x 3000,
    'expired' => "$head." . part(JSON::PP::encode_json({ %claims, exp => 1 })) . ".$signature",
);
for my $name (sort { $a cmp $b } CORE::keys %bad) {
    is_refusal(me($bad{$name}, GET => ''), $name, 401, 'token-rejected');
}
is_refusal(api('none', GET => '/api/records/me', undef, headers => ['Authorization: Basic eDp5']),
    'another scheme', 401, 'token-rejected');
is_refusal(api('morel', GET => '/api/records/me', undef, with($Token)),
    'with a card', 403, 'identity-ambiguous');
is_refusal(api('morel', GET => "/api/records/$Martin", undef, with($Token)),
    'with a card, and whose', 403, 'identity-ambiguous');
is(me($Token, GET => '')->{status}, 200, 'the good one is good');



=== TEST 5: a representative acts on the record that names them
--- code
my ($who, $password, $token) = signed_in($Durand, traits => traits(family => 'DURAND'));
my $path = "/api/records/$Martin";
is_refusal(api('none', GET => $path, undef, with($token)), 'not yet', 403, 'not-own-record');
my $now = record($Martin);
import_records({ %$now, representatives => [{ ins => $Durand, until => '2090-01-01' }] });
my $mark = trace_mark();
my $r = api('none', GET => $path, undef, with($token));
is($r->{status}, 200, 'now') or diag $r->{body};
like(left($mark), qr/access check 1 allow none representative; session session 1 allow none representative$/,
    'both entries');
is(request(get => $Search, with($token))->{status}, 200, 'they search');
$mark = trace_mark();
is(api('none', PUT => "$path/blocks/$Petit", undef, with($token))->{status}, 200, 'and block');
is(left($mark), 'change rights R allow none representative; '
    . 'session session 1 allow none representative', 'both entries');
my ($told) = grep { $_->{k} eq 'rights-changed' } messages();
ok($told, 'the patient is told');
is(api('none', DELETE => '/api/session', undef, with($token))->{status}, 204, 'signed out');
$mark = trace_mark();
is_refusal(api('none', GET => $path, undef, with($token)), 'after', 401, 'token-rejected');
is(left($mark), 'access check 1 deny token-rejected representative; '
    . 'session session 0 allow none representative', 'dead for that record, too');
import_records({ %$now, representatives => [{ ins => $Durand, until => '2020-01-01' }] });
$token = session($who, $password);
is_refusal(api('none', GET => $path, undef, with($token)), 'of age', 403, 'not-own-record');
import_records($now);
verify_trace();
pass('the trace is whole');



=== TEST 6: a contact counts when a code has come back from it
--- code
$Token = session($Who, $Password);
my $mark = trace_mark();
my $r = me($Token, PUT => '/contact', { phone => '0612345678', prefer => 'sms' });
is($r->{status}, 202, 'a challenge') or diag $r->{body};
is("$r->{json}{channel} $r->{json}{sent_to}", 'sms 06 •• •• •• 78', 'sent there');
is(record($Martin)->{contact}{phone}, undef, 'nothing is changed');
my ($code) = grep { $_->{k} eq 'code' } reverse messages();
is_deeply([@{ $code->{said} }{qw(channel to for)}], ['sms', '0612345678', 'contact'],
    'to the new one');
my $challenge = $r->{json}{challenge};
is_refusal(me($Token, PUT => '/contact', { challenge => $challenge, code => '000000' }),
    'a wrong code', 401, 'code-rejected');
$r = me($Token, PUT => '/contact', { challenge => $challenge, code => $code->{said}{code} });
is($r->{status}, 200, 'confirmed') or diag $r->{body};
is_deeply(record($Martin)->{contact}, { email => 'jeanne@example.fr', prefer => 'sms',
    phone => '0612345678' }, 'and on record');
my ($told) = grep { $_->{k} eq 'contact-changed' } reverse messages();
is("$told->{said}{channel} $told->{said}{to}", 'email jeanne@example.fr',
    'the old address is told');
is_refusal(me($Token, PUT => '/contact', { challenge => $challenge,
    code => $code->{said}{code} }), 'once', 401, 'code-rejected');
is(me($Token, PUT => '/contact', { email => '' })->{status}, 200, 'one is taken away');
is(record($Martin)->{contact}{email}, undef, 'it is');
for ({ email => 'x' }, { phone => '12' }, { prefer => 'fax' }, {}, { other => 1 },
    { email => 'a@b.fr', phone => '0612345678' })
{
    is_refusal(me($Token, PUT => '/contact', $_), $Rights::codec->encode($_), 400,
        'request-ambiguous');
}
verify_trace();
pass('the trace is whole');
