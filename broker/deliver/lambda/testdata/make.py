"""make.py URL: a function in moto, which runs none: it answers what moto says of it."""
import io
import json
import sys
import urllib.request
import zipfile

import boto3

url = sys.argv[1]
config = urllib.request.Request(url + "/moto-api/config", data=json.dumps({"lambda": {"use_docker": False}}).encode(), method="POST")
urllib.request.urlopen(config)
role = boto3.client("iam", endpoint_url=url).create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as z:
    z.writestr("index.mjs", "export const handler = () => {};")
boto3.client("lambda", endpoint_url=url).create_function(
    FunctionName="order-mail", Runtime="nodejs20.x", Role=role, Handler="index.handler", Code={"ZipFile": code.getvalue()})
