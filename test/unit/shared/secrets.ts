/** A part of every secret below, so that one search finds an unredacted one. */
export const SECRET_PART = 'hush';

/** Texts of other programs with a secret, by description. */
export const TEXTS_WITH_SECRET: Readonly<Record<string, string>> = {
  'a password in JSON': `{"auth":{"identity":{"password":{"user":{"name":"ann","password":"${SECRET_PART}"}}}},"id":"p1"}`,
  'the password of a new server': `{"server":{"id":"s1","adminPass":"${SECRET_PART}"}}`,
  'a token in the context of a notification': `{"event_type":"x","_context_auth_token":"${SECRET_PART}","payload":{"id":"p1"}}`,
  'an application credential': `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"a1","secret":"${SECRET_PART}"}}}}`,
  'an application credential in clouds.yaml': `auth:\n  application_credential_id: a1\n  application_credential_secret: ${SECRET_PART}\n`,
  'a password in clouds.yaml': `    username: ann\n    password: ${SECRET_PART}\n`,
  'a dictionary of Python': `Bad request: {'user': 'ann', 'password': u'${SECRET_PART}', 'admin': True}`,
  'keywords of Python': `Client(username='ann', password='${SECRET_PART} ${SECRET_PART}')`,
  'a header in a dictionary': `sent {'X-Auth-Token': '${SECRET_PART}', 'Accept': '*/*'}`,
  'a header of curl': `curl -g -i -X GET http://nova/v2.1 -H "X-Auth-Token: ${SECRET_PART}" -H "Accept: */*"`,
  'an Authorization header': `POST / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer ${SECRET_PART}\r\nAccept: */*`,
  'a signature of AWS': `authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, Signature=${SECRET_PART}`,
  'the canonical request of AWS': `The Canonical String for this request should have been\n'POST\n/\n\nhost:sqs\nx-amz-security-token:${SECRET_PART}\n\nhost'`,
  'keys in the file of AWS': `[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = ${SECRET_PART}\naws_session_token=${SECRET_PART}\n`,
  'keys in the environment': `AWS_SECRET_ACCESS_KEY=${SECRET_PART} AWS_SESSION_TOKEN=${SECRET_PART} OS_PASSWORD=${SECRET_PART}`,
  'credentials as AWS gives them': `{"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"${SECRET_PART}","SessionToken":"${SECRET_PART}"}`,
  'a secret of Secrets Manager': JSON.stringify({
    Name: 'cloud',
    SecretString: JSON.stringify({ OS_PASSWORD: SECRET_PART }),
  }),
  'a signed URL': `https://swift/v1/AUTH_p1/c/o?temp_url_sig=${SECRET_PART}&temp_url_expires=9`,
  'a URL with a password': `cannot reach amqp://nova:${SECRET_PART}@rabbit:5672/`,
  'a Fernet token under no name': `Unauthorized: gAAAAABm${SECRET_PART}-${SECRET_PART}_${SECRET_PART}== is expired`,
  'a JSON Web Token': `expired: eyJhbGciOiJIUzI1NiJ9.${SECRET_PART}${SECRET_PART}.${SECRET_PART}`,
  'a private key': `-----BEGIN RSA PRIVATE KEY-----\n${SECRET_PART}\n-----END RSA PRIVATE KEY-----\n`,
};
export const SECRET_TEXTS = Object.entries(TEXTS_WITH_SECRET);
