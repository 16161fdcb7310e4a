"""Signs the request of stdin as botocore does, at the same time, and prints what that gives."""
import datetime
import json
import sys

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

r = json.load(sys.stdin)
at = datetime.datetime.strptime(r["headers"]["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
auth.get_current_datetime = lambda *_, **__: at
signed = r["headers"]["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
headers = {name: value for name, value in r["headers"].items() if name.lower() in signed and name != "X-Amz-Date"}
request = AWSRequest(method="POST", url=r["url"], headers=headers | {"Host": r["host"]}, data=r["body"].encode())
auth.SigV4Auth(Credentials(r["id"], r["secret"], r["token"]), "lambda", r["region"]).add_auth(request)
print(request.headers["Authorization"], end="")
