/** In every secret of these texts, so that one look finds what is left of any. */
export const SILENT_LOG = 'hush';

/** What was ever seen in a body, in an answer or in an error that others wrote, by what it is. */
export const TELLING: Readonly<Record<string, string>> = {
  'a password in JSON': `{"auth":{"identity":{"password":{"user":{"name":"ann","password":"${SILENT_LOG}"}}}},"id":"p1"}`,
  'the password of a new server': `{"server":{"id":"s1","adminPass":"${SILENT_LOG}"}}`,
  'a token in the context of a notification': `{"event_type":"x","_context_auth_token":"${SILENT_LOG}","payload":{"id":"p1"}}`,
  'an application credential': `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"a1","secret":"${SILENT_LOG}"}}}}`,
  'an application credential in clouds.yaml': `auth:\n  application_credential_id: a1\n  application_credential_secret: ${SILENT_LOG}\n`,
  'a password in clouds.yaml': `    username: ann\n    password: ${SILENT_LOG}\n`,
  'a dictionary of Python': `Bad request: {'user': 'ann', 'password': u'${SILENT_LOG}', 'admin': True}`,
  'keywords of Python': `Client(username='ann', password='${SILENT_LOG} ${SILENT_LOG}')`,
  'a header in a dictionary': `sent {'X-Auth-Token': '${SILENT_LOG}', 'Accept': '*/*'}`,
  'a header of curl': `curl -g -i -X GET http://nova/v2.1 -H "X-Auth-Token: ${SILENT_LOG}" -H "Accept: */*"`,
  'an Authorization header': `POST / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer ${SILENT_LOG}\r\nAccept: */*`,
  'a signature of AWS': `authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, Signature=${SILENT_LOG}`,
  'the canonical request of AWS': `The Canonical String for this request should have been\n'POST\n/\n\nhost:sqs\nx-amz-security-token:${SILENT_LOG}\n\nhost'`,
  'keys in the file of AWS': `[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = ${SILENT_LOG}\naws_session_token=${SILENT_LOG}\n`,
  'keys in the environment': `AWS_SECRET_ACCESS_KEY=${SILENT_LOG} AWS_SESSION_TOKEN=${SILENT_LOG} OS_PASSWORD=${SILENT_LOG}`,
  'credentials as AWS gives them': `{"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"${SILENT_LOG}","SessionToken":"${SILENT_LOG}"}`,
  'a secret of Secrets Manager': JSON.stringify({
    Name: 'cloud',
    SecretString: JSON.stringify({ OS_PASSWORD: SILENT_LOG }),
  }),
  'a signed URL': `https://swift/v1/AUTH_p1/c/o?temp_url_sig=${SILENT_LOG}&temp_url_expires=9`,
  'a URL with a password': `cannot reach amqp://nova:${SILENT_LOG}@rabbit:5672/`,
  'a Fernet token under no name': `Unauthorized: gAAAAABm${SILENT_LOG}-${SILENT_LOG}_${SILENT_LOG}== is expired`,
  'a JSON Web Token': `expired: eyJhbGciOiJIUzI1NiJ9.${SILENT_LOG}${SILENT_LOG}.${SILENT_LOG}`,
  'a private key': `-----BEGIN RSA PRIVATE KEY-----\n${SILENT_LOG}\n-----END RSA PRIVATE KEY-----\n`,
};
export const TELLINGS = Object.entries(TELLING);
