/** In every secret of these texts, so that one look finds what is left of any. */
export const HUSH = 'hush';

/** What was ever seen in a body, in an answer or in an error that others wrote, by what it is. */
export const TELLING: Readonly<Record<string, string>> = {
  'a password in JSON': `{"auth":{"identity":{"password":{"user":{"name":"ann","password":"${HUSH}"}}}},"id":"p1"}`,
  'the password of a new server': `{"server":{"id":"s1","adminPass":"${HUSH}"}}`,
  'a token in the context of a notification': `{"event_type":"x","_context_auth_token":"${HUSH}","payload":{"id":"p1"}}`,
  'an application credential': `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"a1","secret":"${HUSH}"}}}}`,
  'an application credential in clouds.yaml': `auth:\n  application_credential_id: a1\n  application_credential_secret: ${HUSH}\n`,
  'a password in clouds.yaml': `    username: ann\n    password: ${HUSH}\n`,
  'a dictionary of Python': `Bad request: {'user': 'ann', 'password': u'${HUSH}', 'admin': True}`,
  'keywords of Python': `Client(username='ann', password='${HUSH} ${HUSH}')`,
  'a header in a dictionary': `sent {'X-Auth-Token': '${HUSH}', 'Accept': '*/*'}`,
  'a header of curl': `curl -g -i -X GET http://nova/v2.1 -H "X-Auth-Token: ${HUSH}" -H "Accept: */*"`,
  'an Authorization header': `POST / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer ${HUSH}\r\nAccept: */*`,
  'a signature of AWS': `authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, Signature=${HUSH}`,
  'the canonical request of AWS': `The Canonical String for this request should have been\n'POST\n/\n\nhost:sqs\nx-amz-security-token:${HUSH}\n\nhost'`,
  'keys in the file of AWS': `[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = ${HUSH}\naws_session_token=${HUSH}\n`,
  'keys in the environment': `AWS_SECRET_ACCESS_KEY=${HUSH} AWS_SESSION_TOKEN=${HUSH} OS_PASSWORD=${HUSH}`,
  'credentials as AWS gives them': `{"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"${HUSH}","SessionToken":"${HUSH}"}`,
  'a secret of Secrets Manager': JSON.stringify({ Name: 'cloud', SecretString: JSON.stringify({ OS_PASSWORD: HUSH }) }),
  'a signed URL': `https://swift/v1/AUTH_p1/c/o?temp_url_sig=${HUSH}&temp_url_expires=9`,
  'a URL with a password': `cannot reach amqp://nova:${HUSH}@rabbit:5672/`,
  'a Fernet token under no name': `Unauthorized: gAAAAABm${HUSH}-${HUSH}_${HUSH}== is expired`,
  'a JSON Web Token': `expired: eyJhbGciOiJIUzI1NiJ9.${HUSH}${HUSH}.${HUSH}`,
  'a private key': `-----BEGIN RSA PRIVATE KEY-----\n${HUSH}\n-----END RSA PRIVATE KEY-----\n`,
};
export const TELLINGS = Object.entries(TELLING);
