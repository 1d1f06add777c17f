"""``twistd swftp-sftp``."""

from twisted.application.service import ServiceMaker

swftp_sftp = ServiceMaker(
    "SwFTP SFTP", "swftp.options", "An SFTP server whose files are objects in OpenStack Swift.", "swftp-sftp"
)
